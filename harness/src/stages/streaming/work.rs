//! Plans rounds in which every user of both arms reads one stream after the other.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::{FEWEST_ROUNDS, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::{Bytes, Nanos};
use harness_load::asked_stream::AskedStream;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub load: LoadWork,
    /// The streams that the upstream is asked for.
    pub facts: Stage,
}

impl Work {
    /// Returns how long a stream takes on average.
    pub fn stream(&self) -> Nanos {
        length(&self.facts)
    }
}

/// Returns how long a stream takes on average.
pub(super) fn length(stream: &Stage) -> Nanos {
    asked(stream).length()
}

/// Returns the streams that the upstream is asked for.
pub(super) const fn asked(stream: &Stage) -> AskedStream {
    let Stage { events, interval_ns, size_bytes, leave_after, .. } = *stream;
    AskedStream { events, interval: Nanos(interval_ns), size: Bytes(size_bytes), leave_after }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Stage { events, interval_ns, size_bytes, leave_after, .. } = self.facts;
        let left = leave_after.map_or_else(String::new, |after| format!(", left after {after}"));
        format!(
            "{}; streams of {events} events of {}, {} apart{left}",
            self.load.describe(),
            Bytes(size_bytes),
            Nanos(interval_ns).notation()
        )
    }

    /// Includes the streams that are under way at the end of each window.
    fn duration(&self) -> Nanos {
        let trials = self.load.rounds.saturating_add(self.load.instances).saturating_mul(self.load.arms());
        self.load.duration().plus(self.stream().times(trials))
    }

    /// Keeps windows as long as a stream.
    fn shorten(&mut self) {
        self.load.instances = 1;
        self.load.rounds = self.load.rounds.min(FEWEST_ROUNDS);
        self.load.window = self.load.window.min(self.stream());
    }

    fn wanted(&self) -> u64 {
        self.load.rounds
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn rounds(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn rounds_mut(&mut self) -> Option<&mut LoadWork> {
        Some(&mut self.load)
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn facts(&self) -> StageFacts {
        self.facts.into()
    }
}
