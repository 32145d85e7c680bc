//! Parsing of a number followed by its unit.

/// The reason why a text cannot be parsed as a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("{text:?} is not {expected}{}", listed(units))]
    Notation {
        text: String,
        /// What was expected, with an example.
        expected: &'static str,
        /// The units that are accepted; empty where `expected` shows the only one.
        units: Vec<&'static str>,
    },
    #[error("{text:?} is out of range")]
    OutOfRange { text: String },
    #[error("a rate must be greater than 0")]
    ZeroRate,
}

impl ParseError {
    pub(super) fn notation(text: &str, expected: &'static str, units: &[(&'static str, f64)]) -> Self {
        Self::Notation { text: text.to_owned(), expected, units: units.iter().map(|(name, _)| *name).collect() }
    }
}

fn listed(units: &[&str]) -> String {
    if units.is_empty() { String::new() } else { format!(" (units: {})", units.join(", ")) }
}

/// Splits `text` into a non-negative finite number and one of `units`, and multiplies the two.
pub(super) fn scaled(text: &str, units: &[(&'static str, f64)], expected: &'static str) -> Result<f64, ParseError> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(split);
    let refused = || ParseError::notation(text, expected, units);
    let number: f64 = digits.replace('_', "").parse().map_err(|_| refused())?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(refused)?;
    let value = number * scale;
    if value.is_finite() && value < 9.0e18 { Ok(value) } else { Err(ParseError::OutOfRange { text: text.to_owned() }) }
}
