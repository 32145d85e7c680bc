//! Judges how the target passes streams on, compared with the direct arm.

use serde::{Deserialize, Serialize};

use super::facts::Passing;
use crate::measure::facts::StageFacts;
use crate::measure::metric::{Absent, Metric};
use crate::measure::record::StageRecord;
use crate::measure::{Arm, Streams};
use crate::verdict::judgement::finding::{Finding, FindingKind, Topic};
use crate::verdict::judging::{Judging, no_trend};
use harness_base::units::{Ratio, grouped};
use harness_stats::Estimate;

/// Users of a closed loop wait for the events of the upstream, so no part of the chain limits their rate.
pub(crate) const JUDGING: Judging = Judging { has_bottleneck: false, advisory: too_few_events, ..Judging::ROUNDS };

/// Events per read ÷ those of the direct arm from which the target coalesces. Two events that the target wrote one after the other are read
/// together now and then.
const COALESCES: f64 = 1.25;
/// The share of the events that come after the last was written from which a target that coalesces buffers.
const BUFFERS: f64 = 0.9;
/// Events per read of the direct arm from which there is no verdict, because the upstream or the generator is too slow.
const DIRECT: f64 = 1.5;

/// How a stage passed streams on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StreamingJudged"))]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub stage: String,
    /// Events of each stream.
    pub events: u64,
    /// What the scenario demands at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Passing>,
    /// Absent if it could not be determined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passing: Option<Passing>,
    pub proxied: Seen,
    pub direct: Seen,
}

/// The streams of one arm, in all valid rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "StreamingSeen"))]
#[serde(deny_unknown_fields)]
pub struct Seen {
    pub streams: u64,
    /// Events that the upstream was asked to write.
    pub asked: u64,
    /// Events that arrived.
    pub arrived: u64,
    /// Reads that returned the end of an event.
    pub reads: u64,
    /// The largest number of events in one read.
    pub most: u64,
    /// Events other than the last of their stream that arrived when the last had been written.
    pub after_last: u64,
    /// Median of arrival − written, in nanoseconds; absent without an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_p50_ns: Option<u64>,
    pub lost: u64,
    pub repeated: u64,
    pub reordered: u64,
    /// Events that are not of the stream.
    pub foreign: u64,
}

/// Judges a stage as far as it ran; `None` for a stage of another kind.
pub(crate) fn judge(stage: &StageRecord) -> Option<Judged> {
    let StageFacts::Streaming(facts) = &stage.facts else { return None };
    let [direct, proxied] = [Arm::Direct, Arm::Proxied].map(|arm| Seen::of(&pooled(stage, arm)));
    let passing = passing(&proxied, &direct);
    Some(Judged { stage: stage.name.clone(), events: facts.events, expect: facts.expect, passing, proxied, direct })
}

/// Returns the streams of one arm in all valid rounds.
fn pooled(stage: &StageRecord, arm: Arm) -> Streams {
    let mut all = Streams::default();
    let trials = stage.valid_rounds().filter_map(|round| round.trial(arm));
    trials.filter_map(|trial| trial.load.streams.as_deref()).for_each(|streams| all.merge(streams));
    all
}

/// Compares both arms. `None` without events, and if the events of the direct arm do not come one by one either.
fn passing(proxied: &Seen, direct: &Seen) -> Option<Passing> {
    let (through, without) = (proxied.per_read()?, direct.per_read()?);
    if without >= DIRECT {
        return None;
    }
    Some(match (through / without >= COALESCES, proxied.after_last()? >= BUFFERS) {
        (false, _) => Passing::Streams,
        (true, false) => Passing::Coalesces,
        (true, true) => Passing::Buffers,
    })
}

/// Explains why a far quantile of so few events, or of so few streams for first events, must not gate.
fn too_few_events(metric: &Metric, stage: &StageRecord) -> Option<String> {
    let first = metric.id.starts_with("stream/first_");
    let arms = [Arm::Direct, Arm::Proxied].map(|arm| pooled(stage, arm));
    let fewest = arms.iter().map(|streams| if first { streams.first.count() } else { streams.delay.count() }).min()?;
    let what = if first { "streams" } else { "events" };
    let needed = grouped(metric.requests as f64);
    (fewest < metric.requests).then(|| format!("{} {what} an arm, {needed} needed to gate", grouped(fewest as f64)))
}

impl Seen {
    fn of(streams: &Streams) -> Self {
        Self {
            streams: streams.streams,
            asked: streams.asked,
            arrived: streams.arrived,
            reads: streams.read_count(),
            most: streams.most_per_read(),
            after_last: streams.after_last,
            delay_p50_ns: streams.delay.quantile(0.5).map(|delay| delay.0),
            lost: streams.lost,
            repeated: streams.repeated,
            reordered: streams.reordered,
            foreign: streams.foreign,
        }
    }

    /// Returns the mean number of events in a read; `None` without a read.
    pub fn per_read(&self) -> Option<f64> {
        (self.reads > 0).then(|| self.arrived as f64 / self.reads as f64)
    }

    /// Returns the share (0 to 1) of the events other than the last of their stream that came when the last had been written.
    pub fn after_last(&self) -> Option<f64> {
        let others = self.asked.saturating_sub(self.streams);
        (others > 0).then(|| self.after_last as f64 / others as f64)
    }

    /// Returns how many events are missing, repeated, in another order, or not of the stream.
    pub const fn wrong(&self) -> u64 {
        self.lost + self.repeated + self.reordered + self.foreign
    }

    /// Names what is wrong with the events: `3 lost, 1 repeated`.
    fn faults(&self) -> String {
        let parts = [
            (self.lost, "lost"),
            (self.repeated, "repeated"),
            (self.reordered, "out of order"),
            (self.foreign, "not of the stream"),
        ];
        let named = parts.iter().filter(|(count, _)| *count > 0);
        named.map(|(count, word)| format!("{} {word}", grouped(*count as f64))).collect::<Vec<_>>().join(", ")
    }
}

impl Judged {
    /// Reports events that the target lost or changed, and streams that it passes on worse than the scenario demands.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let finding = |kind, message| Finding {
            subject: format!("{}/events", self.stage),
            topic: Topic::Stream,
            kind,
            message,
            weighed: None,
        };
        let wrong = (self.proxied.wrong() > 0).then(|| {
            let of = grouped(self.proxied.asked as f64);
            let message = format!("{} of {of} events", self.proxied.faults());
            match self.direct.wrong() {
                0 => finding(FindingKind::Block, message),
                _ => finding(
                    FindingKind::Inconclusive,
                    format!("{message}, and {} without the target", self.direct.faults()),
                ),
            }
        });
        let worse = self.expect.and_then(|expect| match self.passing {
            None => Some(finding(FindingKind::Inconclusive, self.conclusion())),
            Some(passing) if passing > expect => {
                Some(finding(FindingKind::Block, format!("{}; expected: {}", self.conclusion(), expect.word())))
            }
            Some(_) => None,
        });
        wrong.into_iter().chain(worse).collect()
    }

    pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
        Err(no_trend(metric, &self.stage))
    }

    /// Returns how the target passes streams on, in one sentence.
    pub fn conclusion(&self) -> String {
        let (Some(through), Some(without)) = (self.proxied.per_read(), self.direct.per_read()) else {
            return "not known: no stream ended in a valid round".to_owned();
        };
        let after = self.proxied.after_last().unwrap_or_default();
        let share = Ratio(after);
        match self.passing {
            None => format!(
                "not known: without the target, {without:.2} events come in one read; ask for fewer streams or a longer interval"
            ),
            Some(Passing::Streams) => {
                format!("STREAMS: {through:.2} events in a read, {without:.2} without the target")
            }
            Some(Passing::Coalesces) => format!(
                "COALESCES: {through:.2} events in a read, {without:.2} without the target; {share} of the events came after the last was sent"
            ),
            Some(Passing::Buffers) => {
                let others = self.events.saturating_sub(1) as f64;
                let late = (after * others).round() + 1.0;
                let reads = self.proxied.reads as f64 / self.proxied.streams.max(1) as f64;
                let reads = if reads < 1.05 { "one read".to_owned() } else { format!("{reads:.1} reads") };
                format!("BUFFERS: {late} of {} events in {reads} after the last was sent", self.events)
            }
        }
    }
}
