//! The policy of the sidecar: loading and evaluating it takes time, which the sidecar reports itself, as real ones do.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

use super::lengths::Lengths;
use crate::clock;
use crate::flags::parse_duration;

/// Flags of the policy.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PolicyFlags {
    /// Evaluate a policy with this CPU time before each request is forwarded, by the thread's CPU clock; /metrics has its histogram
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub policy_takes: Option<Duration>,
    /// Load the policies for this long before the proxy listens; /metrics and a line on stdout have the time
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub policy_load: Option<Duration>,
    /// Set the counters of the policy in /metrics to 0 after every Nth evaluation
    #[arg(long, value_name = "N", requires = "policy_takes", value_parser = clap::value_parser!(u64).range(1..))]
    pub metrics_reset_every: Option<u64>,
    /// Count N more evaluations per second in /metrics, of 1 ms each, with or without requests
    #[arg(long, value_name = "N", requires = "policy_takes", default_value_t = 0)]
    pub metrics_ghosts: u64,
    /// Answer /metrics each time as the first time
    #[arg(long)]
    pub metrics_frozen: bool,
    /// Answer /metrics without end
    #[arg(long)]
    pub metrics_endless: bool,
}

/// Upper ends of the buckets of the histogram, in milliseconds.
const BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

const EVALUATION: &str = "reference_sidecar_policy_evaluation_duration_ms";
const DECISIONS: &str = "reference_sidecar_policy_decisions_total";
const LOAD: &str = "reference_sidecar_policy_load_ms";

/// What the sidecar reports of its policy.
#[derive(Debug)]
pub(crate) struct Policy {
    flags: PolicyFlags,
    reported: Mutex<Reported>,
    /// When it began to count.
    born: Mono,
    /// The first answer of `/metrics`.
    first: OnceLock<String>,
    /// All evaluations, also those before a reset.
    pub(crate) evaluated: Lengths,
    /// How long loading took; 0 before, and without.
    pub(crate) load_ns: AtomicU64,
}

/// The counters in `/metrics`.
#[derive(Debug, Clone, Default)]
struct Reported {
    count: u64,
    sum_ms: f64,
    /// Evaluations by bucket, not cumulated; longer ones are in none.
    buckets: [u64; BUCKETS.len()],
}

impl Policy {
    pub(crate) fn new(flags: &PolicyFlags) -> Self {
        Self {
            flags: flags.clone(),
            reported: Mutex::default(),
            born: Mono::now(),
            first: OnceLock::new(),
            evaluated: Lengths::new(),
            load_ns: AtomicU64::new(0),
        }
    }

    /// Loads the policies, which blocks, and says how long that took.
    pub(crate) fn load(&self) {
        let Some(span) = self.flags.policy_load else { return };
        let start = Mono::now();
        std::thread::sleep(span);
        let took = Mono::now().since(start);
        self.load_ns.store(took.0, Relaxed);
        // A closed stdout must not stop the proxy.
        let _ = writeln!(std::io::stdout(), "policies loaded in {:.3} ms", took.as_millis_f64());
    }

    /// Evaluates the policy for one request. What other processes do does not make it longer, because CPU time counts.
    pub(crate) fn evaluate(&self) {
        let Some(span) = self.flags.policy_takes else { return };
        let took = clock::burn(Nanos::of(span));
        self.evaluated.record(took);
        self.reported().add(took, self.flags.metrics_reset_every);
    }

    /// Formats what is reported, in the text format of Prometheus.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        if self.flags.policy_takes.is_some() {
            let mut reported = self.reported().clone();
            let lived = Mono::now().since(self.born);
            reported.add_ghosts((lived.as_millis_f64() / 1e3 * self.flags.metrics_ghosts as f64) as u64);
            reported.write(&mut text);
        }
        if self.flags.policy_load.is_some() {
            let ms = Nanos(self.load_ns.load(Relaxed)).as_millis_f64();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# TYPE {LOAD} gauge\n{LOAD} {ms:.3}");
        }
        text
    }

    /// Returns an answer of `/metrics`: this text, or the first one if a flag says so.
    pub(crate) fn answer(&self, text: String) -> String {
        if self.flags.metrics_frozen { self.first.get_or_init(|| text).clone() } else { text }
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reported {
    fn add(&mut self, took: Nanos, reset_every: Option<u64>) {
        let ms = took.as_millis_f64();
        self.count += 1;
        self.sum_ms += ms;
        if let Some(place) = BUCKETS.iter().position(|end| ms <= *end) {
            self.buckets[place] += 1;
        }
        if reset_every.is_some_and(|every| self.count >= every) {
            *self = Self::default();
        }
    }

    /// Adds evaluations of 1 ms that did not happen.
    fn add_ghosts(&mut self, ghosts: u64) {
        self.count += ghosts;
        self.sum_ms += ghosts as f64;
        if let Some(place) = BUCKETS.iter().position(|end| 1.0 <= *end) {
            self.buckets[place] += ghosts;
        }
    }

    /// Writes the histogram with its buckets cumulated, beside an empty one with another label. The name of the counter ends twice in
    /// `_total`, as in programs whose library appends it.
    fn write(&self, text: &mut String) {
        let mut below = 0;
        let mut rows = format!("# TYPE {EVALUATION} histogram\n");
        for (end, count) in BUCKETS.iter().zip(self.buckets) {
            below += count;
            // Writing to a String cannot fail.
            let _ = writeln!(rows, "{EVALUATION}_bucket{{le=\"{end:?}\",decision=\"permit\"}} {below}");
        }
        let Self { count, sum_ms, .. } = self;
        let _ = writeln!(rows, "{EVALUATION}_bucket{{le=\"+Inf\",decision=\"permit\"}} {count}");
        let _ = writeln!(rows, "{EVALUATION}_sum{{decision=\"permit\"}} {sum_ms}");
        let _ = writeln!(rows, "{EVALUATION}_count{{decision=\"permit\"}} {count}");
        for row in ["bucket{le=\"+Inf\",decision=\"deny\"}", "sum{decision=\"deny\"}", "count{decision=\"deny\"}"] {
            let _ = writeln!(rows, "{EVALUATION}_{row} 0");
        }
        let _ = writeln!(rows, "# TYPE {DECISIONS} counter\n{DECISIONS}_total{{decision=\"permit\"}} {count}");
        text.push_str(&rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_is_cumulated_and_set_back_after_so_many() {
        let mut reported = Reported::default();
        for us in [5, 120, 120, 700, 20_000] {
            reported.add(Nanos::from_micros(us), Some(7));
        }
        let mut text = String::new();
        reported.write(&mut text);
        for row in [
            "_bucket{le=\"0.01\",decision=\"permit\"} 1\n",
            "_bucket{le=\"0.25\",decision=\"permit\"} 3\n",
            "_bucket{le=\"10.0\",decision=\"permit\"} 4\n",
            "_bucket{le=\"+Inf\",decision=\"permit\"} 5\n",
            "_count{decision=\"deny\"} 0\n",
            "_decisions_total_total{decision=\"permit\"} 5\n",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
        reported.add(Nanos(1), Some(7));
        reported.add(Nanos(1), Some(7));
        assert_eq!(reported.count, 0);
        reported.add_ghosts(3);
        assert_eq!((reported.count, reported.sum_ms, reported.buckets[5]), (3, 3.0, 3));
    }

    #[test]
    fn an_answer_can_stay_as_the_first_one() {
        let frozen = Policy::new(&PolicyFlags { metrics_frozen: true, ..PolicyFlags::default() });
        assert_eq!(frozen.answer("1".to_owned()), frozen.answer("2".to_owned()));
        assert_eq!(Policy::new(&PolicyFlags::default()).answer("2".to_owned()), "2");
    }
}
