//! Shows what was opened and how it ended.

use super::derive::{facts, line, memory, of_launch};
use super::facts::Held;
use crate::measure::record::StageRecord;
use crate::report::show::Show;
use harness_base::units::{Bytes, grouped};

pub(crate) const SHOW: Show = Show { done, notes, ..Show::LAUNCHES };

/// The deviation of the steps from their line, in sessions or streams, above which a note says so.
const BENT: f64 = 1.0;

fn done(stage: &StageRecord) -> String {
    let launches = (Show::LAUNCHES.done)(stage);
    let Some(facts) = facts(stage) else { return launches };
    let steps = stage.counted_launches().find_map(of_launch).map(|launch| &launch.steps);
    let most = steps.and_then(|steps| steps.last()).map_or(0, |step| step.open);
    let details = match facts.held {
        Held::Requests => format!("bodies of {}", Bytes(facts.body_bytes).notation()),
        Held::Sessions | Held::Streams => facts.revision.word().to_owned(),
    };
    format!("{launches}, up to {} {} ({details})", grouped(most as f64), facts.held.described())
}

/// States how they ended, and where memory does not grow in proportion to their number.
fn notes(stage: &StageRecord) -> Vec<String> {
    let launches = || stage.counted_launches().filter_map(of_launch);
    let ended = launches().find_map(|launch| launch.ended.as_ref()).map(|ended| {
        let counts = [
            (ended.finished, "finished"),
            (ended.deleted, "deleted"),
            (ended.closed, "closed"),
            (ended.abandoned, "abandoned"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
        format!("in each launch, {}", counts.join(", "))
    });
    let not_deletable: u64 =
        launches().filter_map(|launch| launch.ended.as_ref()).map(|ended| ended.not_deletable).sum();
    let refused = (not_deletable > 0)
        .then(|| format!("the target does not let clients delete sessions: {not_deletable} answers 405"));
    let lines = || launches().filter_map(|launch| line(launch, memory));
    let bent = lines().filter(|line| line.deviation > BENT * line.slope.abs().max(1.0)).map(|line| line.deviation);
    let bent = bent.reduce(f64::max).map(|deviation| {
        format!(
            "memory is not proportional to their number: the steps deviate by up to {} from a line",
            Bytes(deviation as u64)
        )
    });
    ended.into_iter().chain(refused).chain(bent).collect()
}
