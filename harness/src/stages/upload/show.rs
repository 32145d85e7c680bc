//! Shows rounds like every stage with rounds, and what is transferred.

use crate::measure::facts::StageFacts;
use crate::measure::record::StageRecord;
use crate::report::show::Show;
use harness_base::units::Bytes;

pub(crate) const SHOW: Show = Show { done, ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let rounds = (Show::ROUNDS.done)(stage);
    let StageFacts::Upload(facts) = &stage.facts else { return rounds };
    match (facts.upload_bytes, facts.download_bytes) {
        (Some(size), _) => format!("{rounds}, requests of {}", Bytes(size)),
        (None, Some(size)) => format!("{rounds}, answers of {}", Bytes(size)),
        (None, None) => rounds,
    }
}
