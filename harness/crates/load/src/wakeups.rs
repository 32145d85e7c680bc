//! Measures how late the timer that releases requests wakes on this host, without any requests.

use std::io;

use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;

/// Wakes every `period` from `start` until `end`, like a user of an open loop and in an event loop like the load child's, and
/// returns how late each wake-up was. Blocks the calling thread until `end`.
///
/// # Errors
/// Returns an error when the event loop cannot be created, for example without descriptors.
pub fn wakeups(start: Mono, end: Mono, period: Nanos) -> io::Result<Vec<Nanos>> {
    let period = period.max(Nanos(1));
    let runtime = super::child::build_runtime(1)?;
    Ok(runtime.block_on(async {
        let (mut timer, mut late, mut intended) = (Timer::default(), Vec::new(), start);
        while intended < end {
            late.push(timer.until(intended).await.since(intended));
            intended = intended.after(period);
        }
        late
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wake_up_is_late_and_none_is_missing() {
        let start = Mono::now().after(Nanos::from_millis(5));
        let end = start.after(Nanos::from_millis(100));
        let late = wakeups(start, end, Nanos::from_millis(1)).unwrap();
        assert!(Mono::now() >= start.after(Nanos::from_millis(99)), "it came back before the last wake-up");
        assert_eq!(late.len(), 100);
        // A timer cannot fire at the very nanosecond, and one that fires early would not be waited for.
        assert!(late.iter().filter(|late| late.0 > 0).count() >= 99, "{late:?}");
        assert!(late.iter().all(|late| *late < Nanos::from_secs(60)), "{late:?}");
        assert!(wakeups(end, start, Nanos::ZERO).unwrap().is_empty());
    }
}
