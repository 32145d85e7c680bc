//! Bottleneck: what bounds the rate that a closed loop found. One table of rules, over what is recorded, in the order in which they
//! are asked; `docs/bottleneck.md` repeats it.

mod bound;
mod facts;

use crate::measure::Pace;
use crate::measure::metric::Unit;
use crate::measure::record::{RoundRecord, StageRecord};
pub use bound::{Bottleneck, Bound};
use facts::{Facts, Station, cpus};
use harness_base::units::Ratio;

/// Target, generator or upstream is busy from this share on of the window, or of the CPUs it may use; the audit's limit of saturation.
/// Nothing comes much closer to all: between two requests there is always a moment of waiting.
const BUSY: Ratio = Ratio(0.90);
/// No CPU is left where less than this share of all CPU time was idle: that little is pauses between two wake-ups.
const IDLE: Ratio = Ratio(0.10);
/// Share of the CPUs from which on the measurement, and not what else runs there, is why a host has no idle time.
const OURS: Ratio = Ratio(0.50);
/// Stolen time below this share slows every number a little, but leaves the bottleneck where it is.
const STOLEN: Ratio = Ratio(0.25);
/// Share of the periods in which a CPU limit held the target back: it is the rule then, and no longer the exception.
const THROTTLED: Ratio = Ratio(0.50);
/// Share of the window in which somebody waited for memory. A host with enough has 0.
const STALLED: Ratio = Ratio(0.10);
/// Pages read from a disk, or runs into the memory limit, for each request: either costs about as much as a cheap request itself.
const PAGES_PER_REQUEST: f64 = 0.1;
/// Share of the time of a request that passes without the target too: without it, the rate would rise by a quarter at most.
const UPSTREAM: Ratio = Ratio(0.80);
/// How far users ÷ time of a request may lie from the rate; that of the audit's rule of the same law.
const LITTLE: Ratio = Ratio(0.20);

/// What one rule says of one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Holds(String),
    Not,
    /// What it asks for was not recorded.
    Unknown(&'static str),
}

/// A row of the table.
struct Rule {
    bound: Bound,
    /// When it holds, for people.
    when: fn() -> String,
    asks: fn(&Facts<'_>) -> Answer,
}

/// The first rule that holds decides. First come the causes that make everything behind them look busy or idle; then who is busy;
/// then who is waited for. The last one holds only where every other is known not to.
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

/// The rules in order: what a reader calls the bound, and when it is that.
pub fn table() -> Vec<(&'static str, String)> {
    RULES.iter().map(|rule| (rule.bound.words(), (rule.when)())).collect()
}

/// What bounds most valid rounds of a stage. `None` where the rate is offered and not found, and where no round is valid.
pub(crate) fn of(stage: &StageRecord) -> Option<Bottleneck> {
    let Some(Pace::Closed { .. }) = stage.offered else { return None };
    let found: Vec<Attributed> = stage.valid_rounds().filter_map(|round| attribute(stage, round)).collect();
    let of = found.len() as u64;
    let frequency = |bound: &Bound| found.iter().filter(|one| one.bound == *bound).count();
    // Backwards, as the last of equals is taken: of two that are as frequent, the one that is asked first.
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

/// Asks the rules about a round; `None` for one without a trial of the target.
fn attribute(stage: &StageRecord, round: &RoundRecord) -> Option<Attributed> {
    let facts = Facts::of(stage, round)?;
    let rps = facts.trial.rps().unwrap_or(0.0);
    let mut unknown = None;
    for rule in &RULES {
        match (rule.asks)(&facts) {
            // Nobody can be said to be idle of whom nothing is known.
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
            "the control group of the target was not read, so whether its CPU limit held it back is not known",
        );
    };
    // Without a period there was nothing to hold back.
    let share = used.throttled_share().unwrap_or(0.0);
    holds(share >= THROTTLED.0, || {
        let used = used.cpus().map_or_else(String::new, |used| format!(": it used {used:.2} of {} CPUs", cpus(limit)));
        format!("its CPU limit held the target back in {} of the periods{used}", Ratio(share))
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
const NO_THREADS: &str =
    "the CPU times of the target's threads were not recorded, so whether one of them was busy is not known";

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
        // A thread that was runnable was on a CPU, where there were idle ones.
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
            "of {} CPUs none was left: the target used {target:.2}, the generator {generator:.2}, the upstream {upstream:.2}",
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
        let unseen = if facts.upstream_is_known() {
            ""
        } else {
            "; what stands behind the target, if anything, was not watched"
        };
        let mean = facts.request_ms().map_or_else(String::new, |mean| Unit::Millis.show(mean));
        let busiest = facts.thread().map_or_else(String::new, |(_, share)| {
            format!(", its busiest thread was runnable for {} of the window", Ratio(share))
        });
        format!(
            "nobody was busy all the time: {} users ÷ {mean} for a request = {}; {}{busiest}{unseen}",
            facts.users(),
            Unit::PerSecond.show(by_law),
            facts.target()
        )
    })
}

/// Why no rule holds although everything is known: the users were not all waiting for an answer.
fn contradiction(facts: &Facts<'_>) -> String {
    let show = |rps: Option<f64>| rps.map_or_else(|| "nothing".to_owned(), |rps| Unit::PerSecond.show(rps));
    format!(
        "nobody was busy all the time, but users ÷ mean time of a request = {}, and {} were found",
        show(facts.rps_by_law()),
        show(facts.trial.rps())
    )
}

fn holds(condition: bool, message: impl FnOnce() -> String) -> Answer {
    if condition { Answer::Holds(message()) } else { Answer::Not }
}

#[cfg(test)]
mod tests;
