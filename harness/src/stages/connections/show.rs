//! Shows rounds like every stage with rounds, and how connections were used.

use crate::measure::facts::StageFacts;
use crate::measure::record::StageRecord;
use crate::report::show::Show;

pub(crate) const SHOW: Show = Show { done, ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let rounds = (Show::ROUNDS.done)(stage);
    let StageFacts::Connections(facts) = &stage.facts else { return rounds };
    let many = if facts.requests_per_connection == 1 { "" } else { "s" };
    format!("{rounds}, {} request{many} per connection", facts.requests_per_connection)
}
