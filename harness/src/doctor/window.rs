//! Measures everything that needs time, in one window.

use std::path::Path;

use super::Error;
use super::pressure::waited::{Waited, totals};
use crate::measure::usage::{Reading, Series};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load as load;
use harness_rig::neighbours::{Neighbour, accounts, between};
use harness_rig::sampler::{Sampler, Watched};

/// Time between the announcement of the window and its start, which the sampler needs.
const AHEAD: Nanos = Nanos::from_millis(50);
/// Period of the timer: a rate of 1000/s, the default of stage `overhead`.
pub(super) const PERIOD: Nanos = Nanos::from_millis(1);

#[derive(Debug)]
pub(super) struct Window {
    /// Readings of the whole host, as in an audit.
    pub(super) readings: Series<Reading>,
    /// Time that tasks waited, by resource.
    pub(super) waited: Waited,
    /// CPU time of other processes, the busiest first; `None` if they are not visible.
    pub(super) neighbours: Option<Vec<Neighbour>>,
    /// Lateness of each wake-up of the timer, or why it was not measured.
    pub(super) late: Result<Vec<Nanos>, String>,
}

/// Measures for `length`. `wake` is the reason not to measure the timer, if there is one.
pub(super) fn measure(root: &Path, length: Nanos, wake: Result<(), String>) -> Result<Window, Error> {
    let (began, waited, before) = (Mono::now(), totals(root), accounts(root));
    let sampler = Sampler::start(Watched::default())?;
    let start = Mono::now().after(AHEAD);
    let end = start.after(length);
    let pending = sampler.window(start, end);
    let late = match wake {
        Ok(()) => load::wakeups(start, end, PERIOD).map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    // The timer was not measured, or failed.
    std::thread::sleep(end.remaining().duration());
    let span = Mono::now().since(began);
    let waited = waited.until(&totals(root), span);
    let neighbours = before.and_then(|before| Some(between(&before, &accounts(root)?, span)));
    let readings = pending.wait().readings;
    sampler.stop();
    if readings.steal().is_none() {
        return Err(Error::NoStat);
    }
    Ok(Window { readings, waited, neighbours, late })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_its_time_and_sees_others_only() {
        let (began, length) = (Mono::now(), Nanos::from_millis(200));
        let window = measure(Path::new("/"), length, Err("busy".to_owned())).unwrap();
        assert!(Mono::now().since(began) >= length);
        assert!(window.readings.span_ns().is_some() && window.readings.foreign_cpu().is_some());
        assert_eq!(window.late, Err("busy".to_owned()));
        let own = std::process::id().cast_signed();
        assert!(window.neighbours.is_some_and(|found| found.iter().all(|one| one.pid != own)));
    }

    #[test]
    fn the_timer_is_measured_for_the_whole_window() {
        let window = measure(Path::new("/"), Nanos::from_millis(100), Ok(())).unwrap();
        assert_eq!(window.late.unwrap().len(), 100);
    }
}
