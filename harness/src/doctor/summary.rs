//! Derives from the conditions what can be measured and what would disturb it.

use serde::Serialize;

use super::condition::{Condition, State};

/// Whether an ability is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    Limited,
    /// It is unknown.
    Unknown,
    No,
}

/// Something that a run can measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ability {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub name: &'static str,
    pub answer: Answer,
    /// The condition that prevents it, as `name: value`; absent if there is none.
    pub because: Option<String>,
}

/// The conditions that an ability requires, and those that only disturb it: the latter never make it INVALID. Stages
/// without trials are not audited, so a busy host is noted with their numbers, and a run waits for another one.
pub(super) struct Needs {
    name: &'static str,
    pub(super) needed: &'static [&'static str],
    pub(super) shaken_by: &'static [&'static str],
}

/// All abilities with their requirements.
pub(super) const NEEDS: [Needs; 7] = [
    Needs { name: "startup and idle", needed: &["disk"], shaken_by: &["steal", "foreign_cpu", "other_run"] },
    Needs {
        name: "overhead",
        needed: &["disk", "steal", "foreign_cpu", "timer_lag", "clock_step"],
        shaken_by: &["other_run"],
    },
    Needs {
        name: "capacity",
        needed: &["disk", "steal", "foreign_cpu", "cpus", "cpu_quota"],
        shaken_by: &["other_run"],
    },
    Needs { name: "limits of processes", needed: &["control_groups"], shaken_by: &[] },
    Needs { name: "containers", needed: &["engine"], shaken_by: &[] },
    Needs { name: "profiles", needed: &["perf"], shaken_by: &[] },
    Needs { name: "lost packets", needed: &["netem"], shaken_by: &[] },
];

/// Conditions that some stages need and that do not affect numbers.
const TOOLS: [&str; 4] = ["control_groups", "engine", "perf", "netem"];

impl Answer {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Limited => "limited",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }

    const fn of(state: State) -> Self {
        match state {
            State::Good => Self::Yes,
            State::Fair => Self::Limited,
            State::Unknown => Self::Unknown,
            State::Poor => Self::No,
        }
    }
}

/// Rates each ability by its worst condition.
pub(super) fn abilities(conditions: &[Condition]) -> Vec<Ability> {
    let ability = |needs: &Needs| {
        let counts = |condition: &Condition| {
            let needed = needs.needed.contains(&condition.name).then_some(condition.state);
            needed.or_else(|| needs.shaken_by.contains(&condition.name).then(|| condition.state.min(State::Fair)))
        };
        let all = conditions.iter().filter_map(|condition| Some((counts(condition)?, condition)));
        // The first one wins if several are equally bad.
        let worst = all.reduce(|worst, next| if next.0 > worst.0 { next } else { worst });
        let answer = worst.map_or(Answer::Unknown, |(state, _)| Answer::of(state));
        let because = worst.filter(|(state, _)| *state != State::Good).map(|(_, condition)| brief(condition));
        Ability { name: needs.name, answer, because }
    };
    NEEDS.iter().map(ability).collect()
}

/// Lists the conditions that would disturb measurements, the worst first.
pub(super) fn spoilers(conditions: &[Condition]) -> Vec<String> {
    let of = |state| {
        let spoils = move |condition: &&Condition| condition.state == state && !TOOLS.contains(&condition.name);
        conditions.iter().filter(spoils).map(brief)
    };
    of(State::Poor).chain(of(State::Fair)).collect()
}

/// Formats name and value without details, which the condition shows.
fn brief(condition: &Condition) -> String {
    format!("{}: {}", condition.name, condition.brief.as_ref().unwrap_or(&condition.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(states: &[(&'static str, State)]) -> Vec<Condition> {
        let names = NEEDS.iter().flat_map(|needs| needs.needed.iter().chain(needs.shaken_by).copied());
        let mut conditions: Vec<Condition> = Vec::new();
        for name in names {
            let state = states.iter().find(|(known, _)| *known == name).map_or(State::Good, |(_, state)| *state);
            if conditions.iter().all(|known| known.name != name) {
                conditions.push(Condition::new(name, "why", state, "value").details("and more"));
            }
        }
        conditions
    }

    fn answers(states: &[(&'static str, State)]) -> [Answer; 7] {
        let found = abilities(&all(states));
        std::array::from_fn(|index| found[index].answer)
    }

    #[test]
    fn an_ability_is_as_good_as_the_worst_condition_that_it_needs() {
        use Answer::{Limited, No, Unknown, Yes};
        assert_eq!(answers(&[]), [Yes; 7]);
        assert_eq!(answers(&[("cpus", State::Fair)]), [Yes, Yes, Limited, Yes, Yes, Yes, Yes]);
        let shaken = [("steal", State::Poor), ("timer_lag", State::Fair)];
        assert_eq!(answers(&shaken), [Limited, No, No, Yes, Yes, Yes, Yes]);
        assert_eq!(answers(&[("other_run", State::Poor)]), [Limited, Limited, Limited, Yes, Yes, Yes, Yes]);
        assert_eq!(answers(&[("timer_lag", State::Unknown)]), [Yes, Unknown, Yes, Yes, Yes, Yes, Yes]);
        assert_eq!(answers(&[("engine", State::Poor)]), [Yes, Yes, Yes, Yes, No, Yes, Yes]);
        let found = abilities(&all(&[("cpus", State::Fair), ("disk", State::Poor)]));
        assert_eq!(found[2].because.as_deref(), Some("disk: value"));
        assert_eq!(abilities(&[])[0].answer, Unknown, "without conditions the answer is unknown");
    }

    #[test]
    fn the_worst_comes_first_and_tools_spoil_nothing() {
        let found = spoilers(&all(&[("cpus", State::Fair), ("engine", State::Poor), ("steal", State::Poor)]));
        assert_eq!(found, ["steal: value", "cpus: value"]);
        assert!(TOOLS.iter().all(|tool| NEEDS.iter().any(|needs| needs.needed.contains(tool))));
    }
}
