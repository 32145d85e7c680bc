//! Shows how many requests were approved, and what was wrong with the others.

use super::derive::{facts, of_launch};
use super::facts::Faults;
use crate::measure::record::StageRecord;
use crate::report::show::Show;
use harness_base::units::{Nanos, grouped};

pub(crate) const SHOW: Show = Show { done, notes, ..Show::LAUNCHES };

fn done(stage: &StageRecord) -> String {
    let launches = (Show::LAUNCHES.done)(stage);
    let Some(facts) = facts(stage) else { return launches };
    let launched = stage.counted_launches().filter_map(of_launch);
    let approvals: u64 = launched.map(|launch| launch.approvals.len() as u64 + launch.disturbed).sum();
    format!("{launches}, {} approvals, each given after {}", grouped(approvals as f64), Nanos(facts.approve_after_ns))
}

/// States how many requests had which fault, and how many are left out.
fn notes(stage: &StageRecord) -> Vec<String> {
    let mut faults = Faults::default();
    stage.counted_launches().filter_map(of_launch).for_each(|launch| faults.add(launch.faults));
    let written = faults.each().into_iter().filter(|(count, _)| *count > 0);
    let written = written.map(|(count, words)| {
        let many = if count == 1 { "" } else { "s" };
        format!("in {count} request{many}, the target {words}")
    });
    let disturbed: u64 = stage.counted_launches().filter_map(of_launch).map(|launch| launch.disturbed).sum();
    let disturbed = (disturbed > 0)
        .then(|| format!("{disturbed} approvals are left out, because a process of the harness was stalled meanwhile"));
    written.chain(disturbed).collect()
}
