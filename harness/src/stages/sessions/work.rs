//! Plans the steps of a stage of sessions.

use super::facts::{Ends, Held, Stage};
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::load::LAUNCH;
use crate::work::planned::{StageWork, too_few_launches};
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_load::mcp::workload::Revision;

/// Values of `--quick`. The slope has no interval then.
const QUICK_LAUNCHES: u64 = 2;
const QUICK_MOST: u64 = 100;
const QUICK_PART: Nanos = Nanos::from_millis(300);
const QUICK_WAIT: Nanos = Nanos::from_secs(2);

/// Estimated time to open or end one session, with several at the same time.
const EACH: Nanos = Nanos::from_micros(300);

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub held: Held,
    pub revision: Revision,
    /// Path of the MCP endpoint.
    pub path: String,
    /// Additional headers of each request.
    pub headers: Vec<(String, String)>,
    /// Fresh starts of the target; one value each.
    pub launches: u64,
    /// Sessions or streams in the last step.
    pub most: u64,
    /// Steps with open sessions or streams.
    pub steps: u64,
    /// Sessions that share a connection.
    pub per_connection: u64,
    /// Size of the body of each request.
    pub body: Bytes,
    /// Time between the last opening of a step and its window.
    pub settle: Nanos,
    /// Window of each step.
    pub hold: Nanos,
    /// Interval of pings on each session while it is held; absent without.
    pub ping: Option<Nanos>,
    pub ends: Ends,
    /// Time between the end of all and the last window.
    pub wait: Nanos,
    /// Time limit of each request.
    pub timeout: Nanos,
    /// Largest permitted share of failures.
    pub failed_limit: f64,
}

impl Work {
    /// Returns how many sessions or streams are open after step `step`, counted from 0 for nothing: multiples of what shares a connection.
    pub fn open_after(&self, step: u64) -> u64 {
        let connections = self.most.div_ceil(self.per_connection);
        (connections * step / self.steps).saturating_mul(self.per_connection)
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        let Self { launches, most, steps, hold, wait, .. } = self;
        let share = |share: f64, word: &str| (share > 0.0).then(|| format!("{} {word}", Ratio(share).notation()));
        let Ends { delete, close, abandon, finish } = self.ends;
        let ends =
            [share(finish, "finished"), share(delete, "deleted"), share(close, "closed"), share(abandon, "abandoned")];
        let ends: Vec<String> = ends.into_iter().flatten().collect();
        let details = match self.held {
            Held::Requests => format!("bodies of {}", self.body.notation()),
            Held::Sessions | Held::Streams => self.revision.word().to_owned(),
        };
        format!(
            "{launches} launches, each with {most} {} ({details}) in {steps} steps that are held {}, then {}, and watched again after {}",
            self.held.described(),
            hold.notation(),
            ends.join(", "),
            wait.notation()
        )
    }

    fn duration(&self) -> Nanos {
        let step = self.settle.plus(self.hold);
        let opening = EACH.times(2 * self.most);
        LAUNCH
            .plus(self.hold)
            .plus(step.times(self.steps))
            .plus(opening)
            .plus(self.wait)
            .plus(self.hold)
            .times(self.launches)
    }

    fn shorten(&mut self) {
        self.launches = self.launches.min(QUICK_LAUNCHES);
        self.most = self.most.min(QUICK_MOST.max(self.steps * self.per_connection));
        self.settle = self.settle.min(QUICK_PART);
        self.hold = self.hold.min(QUICK_PART);
        self.wait = self.wait.min(QUICK_WAIT);
    }

    fn wanted(&self) -> u64 {
        self.launches
    }

    fn too_few(&self, stage: &str) -> Option<String> {
        too_few_launches(stage, self.launches)
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        let of = |held| match held {
            Held::Sessions => "memory/per_session_bytes",
            Held::Streams => "memory/per_stream_bytes",
            Held::Requests => "memory/per_request_bytes",
        };
        let other = Held::ALL.into_iter().find(|held| *held != self.held && metric.id == of(*held))?;
        let hint = format!("write open = \"{}\" in the stage", other.word());
        Some((format!("the stage opens {}", self.held.word()), hint))
    }

    fn runs_on_fleet(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage {
            held: self.held,
            revision: self.revision,
            per_connection: self.per_connection,
            body_bytes: if self.held == Held::Requests { self.body.0 } else { 0 },
            ends: self.ends,
            wait_ns: self.wait.0,
            failed_limit: self.failed_limit,
        }
        .into()
    }
}
