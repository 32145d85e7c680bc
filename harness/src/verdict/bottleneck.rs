//! Finds the bottleneck: what limits the rate of a closed loop. One table contains the rules in the order in which they
//! are applied; `docs/bottleneck.md` repeats it.

mod bound;
mod facts;

use crate::measure::Pace;
use crate::measure::metric::Unit;
use crate::measure::record::{RoundRecord, StageRecord};
pub use bound::{Bottleneck, Bound};
use facts::{Facts, Station, cpus};
use harness_base::units::Ratio;

/// Share of the window, or of its CPUs, from which target, generator or upstream counts as busy; the audit's limit of
/// saturation. Values near 100 % do not occur, because there is always a pause between two requests.
const BUSY: Ratio = Ratio(0.90);
/// Share of idle CPU time below which all CPUs are in use; the rest is pauses between two wake-ups.
const IDLE: Ratio = Ratio(0.10);
/// Share of the CPUs from which the measurement, and not other programs, uses up the host.
const OURS: Ratio = Ratio(0.50);
/// Stolen time below this share slows every number a little, but does not change the bottleneck.
const STOLEN: Ratio = Ratio(0.25);
/// Share of the periods from which a CPU limit counts as the bottleneck: the target was throttled in most of them.
const THROTTLED: Ratio = Ratio(0.50);
/// Share of the window in which a task waited for memory. It is 0 on a host with enough memory.
const STALLED: Ratio = Ratio(0.10);
/// Pages read from a disk, or hits of the memory limit, per request: either costs about as much as a cheap request
/// itself.
const PAGES_PER_REQUEST: f64 = 0.1;
/// Share of the time of a request that is also spent without the target: without the target, the rate would rise by a
/// quarter at most.
const UPSTREAM: Ratio = Ratio(0.80);
/// Largest relative difference between users ÷ time of a request and the rate; the audit has the same limit.
const LITTLE: Ratio = Ratio(0.20);

/// Result of one rule for one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Holds(String),
    Not,
    /// A value that it needs was not recorded.
    Unknown(&'static str),
}

/// A row of the table.
struct Rule {
    bound: Bound,
    /// Describes when the rule holds.
    when: fn() -> String,
    asks: fn(&Facts<'_>) -> Answer,
}

/// The first rule that holds decides. Causes that make other parts look busy or idle come first, then busy parts, then
/// waiting. The last one holds only if all others are known not to.
static RULES: [Rule; 10] = [
    Rule {
        bound: Bound::HostSteal,
        when: || format!("the hypervisor took at least {} of the CPU time", percent(STOLEN)),
        asks: host_steal,
    },
    Rule {
        bound: Bound::Throttled,
        when: || format!("the CPU limit throttled the target in at least {} of the periods", percent(THROTTLED)),
        asks: throttled,
    },
    Rule {
        bound: Bound::Memory,
        when: || {
            format!(
                "a task of the target's control group (or of the host, if there is no such group) waited for memory for at least {} of \
                 the window; or each request caused at least {PAGES_PER_REQUEST} page reads from a disk, or reached the memory \
                 limit at least {PAGES_PER_REQUEST} times",
                percent(STALLED)
            )
        },
        asks: memory,
    },
    Rule {
        bound: Bound::TargetCpu,
        when: || {
            format!(
                "the target used at least {} of the CPUs it may use; or it used and waited for that much, while less than {} of the \
                 CPU time was idle or a cpuset excluded it from the idle CPUs",
                percent(BUSY),
                percent(IDLE)
            )
        },
        asks: target_cpu,
    },
    Rule {
        bound: Bound::TargetThread,
        when: || format!("a thread of the target was runnable for at least {} of the window", percent(BUSY)),
        asks: target_thread,
    },
    Rule {
        bound: Bound::Generator,
        when: || format!("a thread of the generator was runnable for at least {} of the window", percent(BUSY)),
        asks: generator,
    },
    Rule {
        bound: Bound::Upstream,
        when: || format!("a thread of the upstream was runnable for at least {} of the window", percent(BUSY)),
        asks: upstream_busy,
    },
    Rule {
        bound: Bound::SharedCpus,
        when: || {
            format!(
                "none of these was busy, but less than {} of the CPU time was idle, and target, generator and upstream used at least {}",
                percent(IDLE),
                percent(OURS)
            )
        },
        asks: shared_cpus,
    },
    Rule {
        bound: Bound::Upstream,
        when: || {
            format!(
                "at least {} of the mean time of a request is also spent on the direct arm, or is the upstream's `delay`",
                percent(UPSTREAM)
            )
        },
        asks: upstream_waits,
    },
    Rule {
        bound: Bound::Latency,
        when: || {
            format!("none of the above, and users ÷ mean time of a request equals the rate within {}", percent(LITTLE))
        },
        asks: latency,
    },
];

fn percent(share: Ratio) -> String {
    format!("{:.0} %", share.percent())
}

/// Returns the rules in order: the name of the bound, and its condition.
pub fn table() -> Vec<(&'static str, String)> {
    RULES.iter().map(|rule| (rule.bound.words(), (rule.when)())).collect()
}

/// Returns what bounds most valid rounds of a stage. `None` in an open loop, or if no round is valid.
pub(crate) fn of(stage: &StageRecord) -> Option<Bottleneck> {
    let Some(Pace::Closed { .. }) = stage.offered else { return None };
    of_rounds(stage, stage.valid_rounds())
}

/// Returns what bounds most of these rounds of a stage, whatever their loop is; `None` without a round through the target.
pub(crate) fn of_rounds<'r>(stage: &StageRecord, rounds: impl Iterator<Item = &'r RoundRecord>) -> Option<Bottleneck> {
    let found: Vec<Attributed> = rounds.filter_map(|round| attribute(stage, round)).collect();
    let of = found.len() as u64;
    let frequency = |bound: &Bound| found.iter().filter(|one| one.bound == *bound).count();
    // Reversed, because the last of equal values is taken: of two equally frequent bounds, the rule that comes first.
    let bounds = RULES.iter().map(|rule| rule.bound).chain([Bound::Unknown]).rev();
    let by = bounds.max_by_key(frequency)?;
    let mut agreeing: Vec<Attributed> = found.into_iter().filter(|one| one.bound == by).collect();
    agreeing.sort_by(|one, other| one.rps.total_cmp(&other.rps));
    let rounds = agreeing.len() as u64;
    let middle = agreeing.len().saturating_sub(1) / 2;
    let message = agreeing.into_iter().nth(middle)?.message;
    Some(Bottleneck { by, message, rounds, of })
}

struct Attributed {
    bound: Bound,
    message: String,
    rps: f64,
}

/// Applies the rules to a round; `None` for one without a trial of the target.
fn attribute(stage: &StageRecord, round: &RoundRecord) -> Option<Attributed> {
    let facts = Facts::of(stage, round)?;
    let rps = facts.trial.rps().unwrap_or(0.0);
    let mut unknown = None;
    for rule in &RULES {
        match (rule.asks)(&facts) {
            // Without data, a process cannot be called idle.
            Answer::Holds(_) if rule.bound == Bound::Latency && unknown.is_some() => {}
            Answer::Holds(message) => return Some(Attributed { bound: rule.bound, message, rps }),
            Answer::Unknown(why) => unknown = unknown.or(Some(why)),
            Answer::Not => {}
        }
    }
    let message = unknown.map_or_else(|| contradiction(&facts), str::to_owned);
    Some(Attributed { bound: Bound::Unknown, message, rps })
}

fn host_steal(facts: &Facts<'_>) -> Answer {
    let Some(steal) = facts.readings().steal() else { return Answer::Unknown(NO_HOST) };
    holds(steal >= STOLEN.0, || format!("the hypervisor took {} of the CPU time", Ratio(steal)))
}

fn throttled(facts: &Facts<'_>) -> Answer {
    let Some(limit) = facts.limits().cpus else { return Answer::Not };
    let Some(used) = facts.readings().group_delta().filter(|used| used.periods.is_some()) else {
        return Answer::Unknown(
            "the control group of the target was not read, so the effect of its CPU limit is unknown",
        );
    };
    // Without a period, the target had no work to throttle.
    let share = used.throttled_share().unwrap_or(0.0);
    holds(share >= THROTTLED.0, || {
        let used = used.cpus().map_or_else(String::new, |used| format!(": it used {used:.2} of {} CPUs", cpus(limit)));
        format!("its CPU limit throttled the target in {} of the periods{used}", Ratio(share))
    })
}

fn memory(facts: &Facts<'_>) -> Answer {
    let group = facts.readings().group_delta();
    let of_group = group.and_then(|used| used.memory_stall()).map(|share| (share, "the target's control group"));
    let stall = of_group.or_else(|| Some((facts.readings().memory_stall()?, "the host")));
    let requests = facts.trial.load.completed_in_window.max(1) as f64;
    let per_request = |count: Option<u64>| count.map(|count| count as f64 / requests);
    let faults = per_request(facts.readings().major_faults());
    let hits = per_request(group.and_then(|used| used.limit_hits));
    if let Some((share, of)) = stall.filter(|(share, _)| *share >= STALLED.0) {
        return Answer::Holds(format!("a task of {of} waited for memory for {} of the window", Ratio(share)));
    }
    if let Some(faults) = faults.filter(|faults| *faults >= PAGES_PER_REQUEST) {
        return Answer::Holds(format!("{faults:.2} pages were read from a disk for each request"));
    }
    if let Some(hits) = hits.filter(|hits| *hits >= PAGES_PER_REQUEST) {
        return Answer::Holds(format!("the target ran into its memory limit {hits:.2} times for each request"));
    }
    if stall.is_none() && faults.is_none() {
        return Answer::Unknown("whether the target waited for memory was not recorded");
    }
    Answer::Not
}

const NO_HOST: &str = "the CPU time of the host was not read at both ends of the window";
const NO_TARGET: &str = "the target was not read at both ends of the window";
const NO_THREADS: &str = "the CPU times of the target's threads were not recorded, so a busy thread cannot be excluded";

fn target_cpu(facts: &Facts<'_>) -> Answer {
    let Some((used, may_use)) = facts.used().zip(facts.may_use()) else { return Answer::Unknown(NO_TARGET) };
    holds(facts.is_busiest(Station::Target) && facts.target_is_full(), || {
        let waited = facts.wanted().map_or(0.0, |wanted| wanted - used);
        let waited = if used >= BUSY.0 * may_use { String::new() } else { format!(" and waited for {waited:.2} more") };
        format!("the target used {used:.2} of {} CPUs{waited}", cpus(may_use))
    })
}

fn target_thread(facts: &Facts<'_>) -> Answer {
    let Some((threads, share)) = facts.thread() else {
        // If there were idle CPUs, a runnable thread was on a CPU.
        let used = facts.used().filter(|used| *used < BUSY.0);
        let idle = facts.readings().idle().filter(|idle| *idle > IDLE.0);
        return if used.is_some() && idle.is_some() { Answer::Not } else { Answer::Unknown(NO_THREADS) };
    };
    holds(facts.is_busiest(Station::Target) && !facts.target_is_full(), || {
        let name = threads.busiest_name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
        format!("its busiest thread{name} was runnable for {} of the window; {}", Ratio(share), facts.target())
    })
}

fn generator(facts: &Facts<'_>) -> Answer {
    let Some(share) = facts.share(Station::Generator) else {
        return Answer::Unknown("the threads of the generator were not read at both ends of the window");
    };
    holds(facts.is_busiest(Station::Generator), || {
        format!("a thread of the generator was runnable for {} of the window; {}", Ratio(share), facts.target())
    })
}

fn upstream_busy(facts: &Facts<'_>) -> Answer {
    let Some(share) = facts.share(Station::Upstream) else { return Answer::Not };
    holds(facts.is_busiest(Station::Upstream), || {
        format!("a thread of the upstream was runnable for {} of the window; {}", Ratio(share), facts.target())
    })
}

fn shared_cpus(facts: &Facts<'_>) -> Answer {
    let readings = facts.readings();
    let Some((idle, host)) = readings.idle().zip(readings.host_cpus()) else { return Answer::Unknown(NO_HOST) };
    let all =
        [Station::Target, Station::Generator, Station::Upstream].map(|station| facts.cpus_of(station).unwrap_or(0.0));
    holds(idle < IDLE.0 && all.iter().sum::<f64>() >= OURS.0 * host, || {
        let [target, generator, upstream] = all;
        format!(
            "all {} CPUs were in use: the target used {target:.2}, the generator {generator:.2}, the upstream \
             {upstream:.2}",
            cpus(host)
        )
    })
}

fn upstream_waits(facts: &Facts<'_>) -> Answer {
    let Some(mean) = facts.request_ms() else { return Answer::Not };
    let ms = |value: f64| Unit::Millis.show(value);
    let direct = facts.direct_ms().filter(|direct| *direct >= UPSTREAM.0 * mean);
    if let Some(direct) = direct {
        let (direct, mean) = (ms(direct), ms(mean));
        return Answer::Holds(format!(
            "a request takes {mean} through the target and {direct} without it; {}",
            facts.target()
        ));
    }
    let delay = facts.delay_ms().filter(|delay| *delay >= UPSTREAM.0 * mean);
    delay.map_or(Answer::Not, |delay| {
        let (delay, mean) = (ms(delay), ms(mean));
        Answer::Holds(format!(
            "the upstream holds a response back for {delay} of the {mean} of a request; {}",
            facts.target()
        ))
    })
}

fn latency(facts: &Facts<'_>) -> Answer {
    let Some((rps, by_law)) = facts.trial.rps().zip(facts.rps_by_law()) else {
        return Answer::Unknown("no request was answered within the window");
    };
    holds((rps - by_law).abs() <= LITTLE.0 * rps, || {
        let unseen = if facts.upstream_is_known() { "" } else { "; servers behind the target were not observed" };
        let mean = facts.request_ms().map_or_else(String::new, |mean| Unit::Millis.show(mean));
        let busiest = facts.thread().map_or_else(String::new, |(_, share)| {
            format!(", its busiest thread was runnable for {} of the window", Ratio(share))
        });
        format!(
            "no resource was saturated: {} users ÷ {mean} for a request = {}; {}{busiest}{unseen}",
            facts.users(),
            Unit::PerSecond.show(by_law),
            facts.target()
        )
    })
}

/// Explains why no rule holds although all values are known: not all users waited for an answer.
fn contradiction(facts: &Facts<'_>) -> String {
    let show = |rps: Option<f64>| rps.map_or_else(|| "nothing".to_owned(), |rps| Unit::PerSecond.show(rps));
    format!(
        "no resource was saturated, but users ÷ mean time of a request = {}, and {} were found",
        show(facts.rps_by_law()),
        show(facts.trial.rps())
    )
}

fn holds(condition: bool, message: impl FnOnce() -> String) -> Answer {
    if condition { Answer::Holds(message()) } else { Answer::Not }
}

#[cfg(test)]
mod tests;
