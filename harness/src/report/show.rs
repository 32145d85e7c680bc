//! Defines how the stages of one kind are shown.

use maud::Markup;

use super::html::{latency, rounds, series, text::joined};
use crate::measure::record::StageRecord;
use crate::measure::trial::TrialRecord;
use crate::measure::{Arrivals, Pace};
use crate::verdict::stage::Detail;
use harness_base::units::{Ratio, grouped};

/// How a kind is shown.
pub(crate) struct Show {
    /// Describes the work that was done.
    pub(crate) done: fn(&StageRecord) -> String,
    /// Draws its charts.
    pub(crate) charts: fn(&StageRecord, Option<&Detail>) -> Markup,
    /// Returns notes in addition to its numbers.
    pub(crate) notes: fn(&StageRecord) -> Vec<String>,
    /// Whether errors and missed requests are a flaw; false if the stage causes them.
    pub(crate) counts_errors: bool,
}

impl Show {
    /// A kind with one value per round.
    pub(crate) const ROUNDS: Self =
        Self { done: rounds_done, charts: round_charts, notes: |_| Vec::new(), counts_errors: true };

    /// A kind with one value per launch.
    pub(crate) const LAUNCHES: Self =
        Self { done: launches_done, charts: |stage, _| series::charts(stage), ..Self::ROUNDS };
}

fn round_charts(stage: &StageRecord, _detail: Option<&Detail>) -> Markup {
    joined([rounds::charts(stage), latency::chart(stage), series::charts(stage)])
}

fn rounds_done(stage: &StageRecord) -> String {
    let rounds = stage.valid_rounds().count();
    format!("{rounds} of {} rounds{}; {}{}", stage.wanted, rejected(stage), load(stage), within(stage))
}

fn launches_done(stage: &StageRecord) -> String {
    let counted = stage.counted_launches().count();
    let repeated = match stage.instances.len() - counted {
        0 => String::new(),
        repeated => format!(" ({repeated} repeated)"),
    };
    format!("{counted} of {} launches{repeated}{}", stage.wanted, within(stage))
}

/// Formats the number of rejected rounds; empty if there are none.
pub(crate) fn rejected(stage: &StageRecord) -> String {
    match stage.rejected_rounds().count() {
        0 => String::new(),
        rejected => format!(" ({rejected} rejected)"),
    }
}

/// Formats the limits of a stage; empty if it has none.
pub(crate) fn within(stage: &StageRecord) -> String {
    stage.limits.map_or_else(String::new, |limits| format!(", within {limits}"))
}

/// Formats how arrivals are spaced, if not evenly.
fn spacing(arrivals: Arrivals) -> String {
    if arrivals == Arrivals::Constant { String::new() } else { format!(" ({})", arrivals.word()) }
}

/// Formats the load of a stage, the impaired paths that it crosses, and the packets that were lost there.
pub(crate) fn load(stage: &StageRecord) -> String {
    let network = stage.network.map_or_else(String::new, |network| format!("; {network}"));
    format!("{}{network}{}", pace(stage), lost(stage))
}

/// Formats how many packets netem lost in valid rounds; empty without netem.
pub(crate) fn lost(stage: &StageRecord) -> String {
    let trials = stage.valid_rounds().flat_map(|round| &round.trials);
    let netem = trials.flat_map(|trial| &trial.relays).filter_map(|relay| relay.netem.as_ref());
    let (arrived, lost) = netem.fold((0, 0), |(arrived, lost), netem| {
        let (more, dropped) = netem.arrived_and_dropped();
        (arrived + more, lost + dropped)
    });
    if arrived == 0 {
        return String::new();
    }
    let share = Ratio(lost as f64 / arrived as f64);
    format!(" ({} of {} packets lost, {share})", grouped(lost as f64), grouped(arrived as f64))
}

fn pace(stage: &StageRecord) -> String {
    let mut trials = stage.valid_rounds().flat_map(|round| &round.trials);
    let connections = trials.next().map(|trial: &TrialRecord| trial.connections);
    match (stage.offered, connections) {
        (Some(Pace::Open { rate, arrivals }), Some(connections)) => {
            format!("open loop, {rate}{} on {connections} connections", spacing(arrivals))
        }
        (Some(Pace::Open { rate, arrivals }), None) => format!("open loop, {rate}{}", spacing(arrivals)),
        (Some(Pace::Closed { vus }), _) => format!("closed loop, {vus} virtual users"),
        (None, _) => "no load".to_owned(),
    }
}
