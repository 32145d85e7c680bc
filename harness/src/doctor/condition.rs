//! Defines a condition: a property of the host that affects measurements, with its state.

use std::collections::BTreeMap;

use serde::Serialize;

/// How good a condition is. An ability that needs several conditions is as good as the greatest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    Good,
    /// Numbers are valid, but need more rounds or a repetition.
    Fair,
    Unknown,
    /// Dependent measurements are INVALID or impossible.
    Poor,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Unknown => "unknown",
            Self::Poor => "poor",
        }
    }

    /// Rates a value that should be small.
    pub(super) fn at_most(value: f64, good: f64, fair: f64) -> Self {
        if value <= good {
            Self::Good
        } else if value <= fair {
            Self::Fair
        } else {
            Self::Poor
        }
    }

    /// Rates a value that should be large.
    pub(super) fn at_least(value: f64, good: f64, fair: f64) -> Self {
        Self::at_most(-value, -good, -fair)
    }
}

/// A property of the host that affects measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z][a-z_]*$")))]
    pub name: &'static str,
    pub state: State,
    /// The value with its unit, or the reason why it is unknown.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub value: String,
    /// The value without its details, for summaries; absent if it has none.
    #[serde(skip)]
    pub brief: Option<String>,
    /// The numbers in the value, by a name that ends in their unit.
    pub numbers: BTreeMap<&'static str, f64>,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub why: &'static str,
    /// What improves it, if possible a command; absent if it is good.
    pub improve: Option<String>,
}

impl Condition {
    /// Creates a condition without numbers and advice.
    pub(super) fn new(name: &'static str, why: &'static str, state: State, value: impl Into<String>) -> Self {
        Self { name, state, value: value.into(), brief: None, numbers: BTreeMap::new(), why, improve: None }
    }

    /// Appends details to the value, which summaries omit.
    pub(super) fn details(mut self, details: &str) -> Self {
        let full = format!("{}; {details}", self.value);
        self.brief = Some(std::mem::replace(&mut self.value, full));
        self
    }

    /// Adds a number, unless it is not finite.
    pub(super) fn number(mut self, name: &'static str, value: f64) -> Self {
        if value.is_finite() {
            self.numbers.insert(name, value);
        }
        self
    }

    /// Adds advice, unless the condition is good.
    pub(super) fn improve(mut self, how: impl Into<String>) -> Self {
        if self.state != State::Good {
            self.improve = Some(how.into());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_belongs_to_the_better_side() {
        let small = [0.0, 1.0, 1.5, 2.0, 2.1, f64::NAN].map(|value| State::at_most(value, 1.0, 2.0));
        assert_eq!(small, [State::Good, State::Good, State::Fair, State::Fair, State::Poor, State::Poor]);
        let large = [4.1, 4.0, 3.0, 2.0, 1.9, f64::NAN].map(|value| State::at_least(value, 4.0, 2.0));
        assert_eq!(large, [State::Good, State::Good, State::Fair, State::Fair, State::Poor, State::Poor]);
    }

    #[test]
    fn a_good_condition_needs_no_advice_and_every_value_is_a_number() {
        let of = |state| Condition::new("x", "y", state, "z").improve("do").number("a", 1.0).number("b", f64::NAN);
        assert_eq!((of(State::Good).improve, of(State::Unknown).improve), (None, Some("do".to_owned())));
        assert_eq!(of(State::Fair).numbers, BTreeMap::from([("a", 1.0)]));
    }
}
