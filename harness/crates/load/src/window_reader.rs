//! Reads a trial while it runs: requests in flight, and each second as it passes. It has its own thread, so that it does not delay
//! the users.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::frames::{FromChild, SecondDetail, SliceDetail};
use super::tally::SecondTally;
use super::trial::Trial;
use crate::facts::Slice;
use crate::facts::{InFlightSamples, Second};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time between two samples of the requests in flight: 200 per second on average, at random intervals.
const SAMPLES_NS: Range<u64> = 2_500_000..7_500_000;
/// A second is collected this long after it has passed, because a completion is recorded shortly after its timestamp.
const GRACE: Nanos = Nanos::from_millis(20);

/// The thread that reads a trial.
pub(super) struct WindowReader {
    trial: Arc<Trial>,
    thread: JoinHandle<WindowCounts>,
}

#[derive(Debug, Default)]
pub(super) struct WindowCounts {
    in_flight: u64,
    /// The sum of the squares.
    in_flight_squares: u64,
    samples: u64,
    pub(super) seconds: Vec<Second>,
    slice: SecondTally,
}

impl WindowReader {
    /// Begins to read `trial`. Calls `report` with each second as it passes.
    pub(super) fn start(
        trial: &Arc<Trial>,
        seed: u64,
        report: impl Fn(FromChild) + Send + 'static,
    ) -> io::Result<Self> {
        let read = Arc::clone(trial);
        let thread = thread::Builder::new().name("window-reader".to_owned()).spawn(move || {
            let mut counts = WindowCounts::default();
            counts.keep(&read, ChaCha8Rng::seed_from_u64(seed ^ read.window_start.0), report);
            counts
        })?;
        Ok(Self { trial: Arc::clone(trial), thread })
    }

    /// Completes the counts. Must be called after every user has left, which is after the window's end, so it does not wait.
    pub(super) fn close(self, report: impl Fn(FromChild)) -> WindowCounts {
        let mut counts = self.thread.join().unwrap_or_default();
        let window = self.trial.window_end.since(self.trial.window_start);
        counts.collect(&self.trial, window.0.div_ceil(1_000_000_000), &report);
        counts
    }
}

impl WindowCounts {
    fn keep(&mut self, trial: &Trial, mut random: ChaCha8Rng, report: impl Fn(FromChild)) {
        thread::sleep(trial.window_start.remaining().duration());
        loop {
            let pause = Nanos(random.random_range(SAMPLES_NS));
            thread::sleep(pause.duration());
            let now = Mono::now();
            if now >= trial.window_end {
                return;
            }
            let in_flight = trial.tallies.in_flight();
            self.in_flight += in_flight;
            self.in_flight_squares += in_flight * in_flight;
            self.samples += 1;
            let passed = now.since(trial.window_start.after(GRACE)).0 / 1_000_000_000;
            if passed > self.seconds.len() as u64 {
                self.collect(trial, passed, &report);
            }
        }
    }

    /// Collects the seconds before number `until`. Adds late completions to the counts of their second.
    fn collect(&mut self, trial: &Trial, until: u64, report: &impl Fn(FromChild)) {
        let mut late = trial.tallies.take_seconds(until);
        let mut fresh = late.split_off(&(self.seconds.len() as u64));
        for (known, more) in late {
            if let Some(second) = usize::try_from(known).ok().and_then(|known| self.seconds.get_mut(known)) {
                second.ok += more.outcomes.ok;
                second.errors += more.errors();
            }
            // The slice that it belongs to may have been reported.
            if trial.slice_seconds.is_some() {
                self.slice.merge(&more);
            }
        }
        for number in self.seconds.len() as u64..until {
            let tally = fresh.remove(&number).unwrap_or_default();
            let second = summary(trial, number, &tally);
            self.seconds.push(second);
            report(if trial.detailed {
                let (second, response) = (Second { response: None, ..second }, tally.response.clone());
                FromChild::DetailedSecond(Box::new(SecondDetail { second, response }))
            } else {
                FromChild::Second(second)
            });
            self.add_to_slice(trial, number, &tally, report);
        }
    }

    /// Adds a second to the current slice, and reports the slice after its last second.
    fn add_to_slice(&mut self, trial: &Trial, number: u64, tally: &SecondTally, report: &impl Fn(FromChild)) {
        let Some(length) = trial.slice_seconds else { return };
        self.slice.merge(tally);
        if (number + 1).is_multiple_of(length) {
            let SecondTally { outcomes, response } = std::mem::take(&mut self.slice);
            let slice = Slice { index: number / length, outcomes, response: None };
            report(if trial.detailed {
                FromChild::DetailedSlice(Box::new(SliceDetail { slice, response }))
            } else {
                FromChild::Slice(Box::new(Slice { response: response.quantiles(), ..slice }))
            });
        }
    }

    /// Returns the mean number of requests in flight over the window, and how it was sampled.
    pub(super) fn in_flight(&self) -> (f64, InFlightSamples) {
        if self.samples == 0 {
            return (0.0, InFlightSamples::default());
        }
        let of = |sum: u64| sum as f64 / self.samples as f64;
        let mean = of(self.in_flight);
        let variance = (of(self.in_flight_squares) - mean * mean).max(0.0);
        (mean, InFlightSamples { number: self.samples, variance })
    }
}

fn summary(trial: &Trial, number: u64, tally: &SecondTally) -> Second {
    let from = Nanos::from_secs(number);
    let left = trial.window_end.since(trial.window_start).minus(from);
    Second {
        from_s: from.as_secs_f64(),
        length_s: left.min(Nanos::from_secs(1)).as_secs_f64(),
        ok: tally.outcomes.ok,
        errors: tally.errors(),
        response: tally.response.quantiles(),
    }
}
