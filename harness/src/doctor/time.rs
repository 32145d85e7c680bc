//! Examines the clock that latencies are read from and the timer that releases requests.

use super::condition::{Condition, State};
use super::source::{Source, word};
use super::window::PERIOD;
use crate::measure::audit::Limits;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Sources that a program reads without a system call.
const FAST: [&str; 6] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource", "timebase"];
/// Sources that are read from a separate chip, which takes microseconds.
const SLOW: [&str; 4] = ["hpet", "acpi_pm", "pit", "jiffies"];

/// A hundredth of an overhead of 100 µs, which is typical of a good sidecar.
const GOOD_STEP: Nanos = Nanos::from_micros(1);
const FAIR_STEP: Nanos = Nanos::from_micros(10);
/// Number of clock reads, which take some milliseconds at most.
const READS: u32 = 20_000;

/// A quarter of the audit's limit, which leaves the rest to the load.
const GOOD_LAG_SHARE: u64 = 4;

/// Checks the clock source of the kernel.
pub(super) fn clock_source(source: &Source<'_>) -> Condition {
    let of = |name: &str| word(source.root, &format!("sys/devices/system/clocksource/clocksource0/{name}"));
    judge_source(of("current_clocksource").as_deref(), &of("available_clocksource").unwrap_or_default())
}

fn judge_source(current: Option<&str>, available: &str) -> Condition {
    let why = "the clock is read six times for each request, so a slow source costs more than the request";
    let Some(current) = current else {
        let how = "check with: cat /sys/devices/system/clocksource/clocksource0/current_clocksource";
        return Condition::new("clock_source", why, State::Unknown, "the kernel does not report it").improve(how);
    };
    let state = match current {
        fast if FAST.contains(&fast) => State::Good,
        slow if SLOW.contains(&slow) => State::Poor,
        _ => State::Fair,
    };
    let better = available.split_whitespace().find(|name| FAST.contains(name));
    let how = match better {
        Some(name) => {
            format!("echo {name} | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource")
        }
        None => "boot with tsc=reliable on the kernel's command line; check with: dmesg | grep -i tsc".to_owned(),
    };
    Condition::new("clock_source", why, state, current).improve(how)
}

/// Results of reading the clock.
#[derive(Debug)]
struct Steps {
    /// The smallest difference between two reads that differ; no clock is finer than the duration of a read.
    smallest: Option<Nanos>,
    read_ns: f64,
}

/// Measures the step of the clock and the cost of reading it.
pub(super) fn clock_step(_: &Source<'_>) -> Condition {
    judge_steps(&steps(READS, Mono::now))
}

fn steps(reads: u32, mut now: impl FnMut() -> Mono) -> Steps {
    let begun = now();
    let (mut last, mut smallest) = (begun, None);
    for _ in 0..reads {
        let next = now();
        let step = next.since(last);
        if step > Nanos::ZERO {
            smallest = Some(smallest.map_or(step, |smallest: Nanos| smallest.min(step)));
        }
        last = next;
    }
    Steps { smallest, read_ns: last.since(begun).0 as f64 / f64::from(reads.max(1)) }
}

fn judge_steps(steps: &Steps) -> Condition {
    let (name, why) =
        ("clock_step", "the clock limits the resolution of latencies, and every latency contains reads of it");
    let Some(step) = steps.smallest else {
        let message = format!("it stood still over {READS} reads");
        return Condition::new(name, why, State::Poor, message).improve("check with: dmesg | grep -i clocksource");
    };
    let worse = step.0.max(steps.read_ns as u64);
    let state = State::at_most(worse as f64, GOOD_STEP.0 as f64, FAIR_STEP.0 as f64);
    let message = format!("{step} between two reads at least, {} each", Nanos(steps.read_ns.round() as u64));
    Condition::new(name, why, state, message)
        .number("smallest_step_ns", step.0 as f64)
        .number("read_ns", steps.read_ns)
        .improve(
            "a faster clock source; check with: cat /sys/devices/system/clocksource/clocksource0/available_clocksource",
        )
}

/// Checks how late the timer of the pacer wakes up on the idle host.
pub(super) fn timer_lag(source: &Source<'_>) -> Condition {
    judge_lag(source.window.late.as_deref())
}

fn judge_lag(late: Result<&[Nanos], &String>) -> Condition {
    let (name, why) =
        ("timer_lag", "an open loop releases requests by this timer, so its lateness is part of every response time");
    let how = "stop other programs (check with: top); on a machine of your own: sudo cpupower idle-set -D 10";
    let mut late = match late {
        Ok(late) => late.to_vec(),
        Err(reason) => {
            let message = format!("not measured: {reason}");
            return Condition::new(name, why, State::Unknown, message).improve("harness doctor");
        }
    };
    late.sort_unstable();
    let [Some(median), Some(p99), Some(longest)] = [0.5, 0.99, 1.0].map(|q| quantile(&late, q)) else {
        return Condition::new(name, why, State::Unknown, "no wake-up in the window")
            .improve("harness doctor --seconds 3");
    };
    let limit = Limits::default().pacer_lag_p99;
    let state = State::at_most(p99.0 as f64, (limit.0 / GOOD_LAG_SHARE) as f64, limit.0 as f64);
    let rate = 1_000_000_000 / PERIOD.0;
    let message = format!("median {median}, p99 {p99} (limit {limit}), longest {longest}");
    Condition::new(name, why, state, message)
        .details(&format!("{} at {rate}/s", late.len()))
        .number("median_ns", median.0 as f64)
        .number("p99_ns", p99.0 as f64)
        .number("longest_ns", longest.0 as f64)
        .number("wakeups", late.len() as f64)
        .number("limit_ns", limit.0 as f64)
        .improve(how)
}

/// Returns the smallest value that at least the share `q` of all values does not exceed.
fn quantile(sorted: &[Nanos], q: f64) -> Option<Nanos> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_far_away_is_poor_and_a_near_one_is_proposed() {
        let states = [Some("tsc"), Some("xen"), Some("hpet"), None].map(|current| judge_source(current, "").state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor, State::Unknown]);
        let how = |available| judge_source(Some("acpi_pm"), available).improve.unwrap_or_default();
        assert!(how("hpet tsc acpi_pm").starts_with("echo tsc | sudo tee"));
        assert!(how("hpet acpi_pm").starts_with("boot with"));
    }

    #[test]
    fn the_smallest_step_is_that_of_the_clock() {
        // A clock that moves by 4 µs with every third read.
        let mut reads = 0;
        let found = steps(3_000, || {
            reads += 1;
            Mono(7_000_000 + reads / 3 * 4_000)
        });
        assert_eq!(found.smallest, Some(Nanos(4_000)));
        assert!((found.read_ns - 4_000.0 / 3.0).abs() < 2.0, "{found:?}");
        assert_eq!(judge_steps(&found).state, State::Fair);
        assert_eq!(judge_steps(&steps(9, || Mono(5))).state, State::Poor, "one that stands still");
        let of = |step, read_ns| judge_steps(&Steps { smallest: Some(Nanos(step)), read_ns }).state;
        assert_eq!([of(30, 30.0), of(1_000_000, 30.0), of(30, 2_000.0)], [State::Good, State::Poor, State::Fair]);
    }

    #[test]
    fn this_hosts_clock_moves() {
        let found = steps(READS, Mono::now);
        let step = found.smallest.unwrap();
        assert!(step > Nanos::ZERO && found.read_ns > 0.0, "{found:?}");
        // The mean is over all steps, those of 0 too; none that moved can be shorter than the smallest.
        assert!(f64::from(READS) * found.read_ns >= step.0 as f64, "{found:?}");
    }

    #[test]
    fn the_limit_of_the_lag_is_that_of_the_audit() {
        let of = |p99_us: u64| {
            let late: Vec<Nanos> =
                (1..=100).map(|n| if n >= 99 { Nanos::from_micros(p99_us) } else { Nanos(n) }).collect();
            judge_lag(Ok(&late))
        };
        assert_eq!([250, 999, 1_001].map(|us| of(us).state), [State::Good, State::Fair, State::Poor]);
        assert_eq!(of(300).value, "median 50 ns, p99 300 µs (limit 1.00 ms), longest 300 µs; 100 at 1000/s");
        let busy = judge_lag(Err(&"another run measures".to_owned()));
        assert_eq!((busy.state, busy.value.as_str()), (State::Unknown, "not measured: another run measures"));
        assert_eq!(judge_lag(Ok(&[])).state, State::Unknown);
        assert_eq!(quantile(&[Nanos(3)], 0.5), Some(Nanos(3)));
    }
}
