//! Plans rounds of a server alone and of the same server behind a shim, over pipes.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::load::LoadWork;
use crate::work::planned::RoundsWork;
use harness_base::units::Nanos;
use harness_load::mcp::workload::Revision;
use harness_load::pace::Pace;

/// The categories of metrics that only one of the loops measures.
const OF_OPEN: [&str; 2] = ["latency", "overhead"];
const OF_CLOSED: &str = "throughput";

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Its connections are the messages that can be under way at the same time.
    pub load: LoadWork,
    /// What is spoken.
    pub revision: Revision,
}

impl RoundsWork for Work {
    fn load(&self) -> &LoadWork {
        &self.load
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.load
    }

    fn resolves(&self) -> Option<&'static str> {
        matches!(self.load.pace, Pace::Open { .. }).then_some("overhead/stdio_p50")
    }

    fn describe(&self) -> String {
        let LoadWork { rounds, instances, connections, warmup, window, tail, .. } = &self.load;
        let pace = match self.load.pace {
            Pace::Open { rate, .. } => format!("{rate} with up to {connections} messages under way"),
            Pace::Closed { .. } => format!("{connections} messages under way at any time"),
        };
        let tail = if *tail == Nanos::ZERO { String::new() } else { format!(", tail window {}", tail.notation()) };
        format!(
            "{rounds} rounds over {instances} instances of the server alone and behind the shim, {pace}, warm-up {}, window {}{tail}",
            warmup.notation(),
            window.notation()
        )
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        let text = |message: &str, hint: &str| Some((message.to_owned(), hint.to_owned()));
        match self.load.pace {
            Pace::Open { .. } if metric.category() == OF_CLOSED => text(
                "the stage sends at a rate that is given, which is no result",
                "write closed = true in a stage of its own",
            ),
            Pace::Closed { .. } if OF_OPEN.contains(&metric.category()) => text(
                "the stage is a closed loop, in which a message waits for others to be answered",
                "name a stage without closed = true",
            ),
            _ => None,
        }
    }

    fn facts(&self) -> StageFacts {
        Stage { revision: self.revision, in_flight: self.load.connections }.into()
    }
}
