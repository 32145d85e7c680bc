//! Growth rates: a quantity per day.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parse::{ParseError, scaled};
use super::quantity::Bytes;
use super::text::grouped;

/// Bytes per day, 0 or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BytesPerDay(pub f64);

/// A count per day, 0 or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountPerDay(pub f64);

/// The units after the number, and how many of each make a day.
const PER: &[(&str, f64)] = &[("/day", 1.0), ("/h", 24.0), ("/m", 1440.0)];

impl BytesPerDay {
    /// Writes the notation of a scenario: `"50MiB/day"`.
    pub fn notation(self) -> String {
        format!("{}/day", Bytes(self.0.round() as u64).notation())
    }

    /// Parses `"50MiB/day"`, `"2MiB/h"` or `"30MiB/m"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::notation(text, "a growth of memory such as \"50MiB/day\"", PER);
        let (size, span) = text.trim().rsplit_once('/').ok_or_else(refused)?;
        let known = PER.iter().find(|(name, _)| name.trim_start_matches('/') == span.trim());
        let (_, per_day) = known.ok_or_else(refused)?;
        let size = Bytes::parse(size).map_err(|_| refused())?;
        Ok(Self(size.0 as f64 * per_day))
    }
}

impl CountPerDay {
    /// Writes the notation of a scenario: `"100/day"`.
    pub fn notation(self) -> String {
        format!("{}/day", self.0)
    }

    /// Parses `"100/day"`, `"4/h"` or `"1/m"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        scaled(text, PER, "a growth such as \"100/day\"").map(Self)
    }
}

impl fmt::Display for BytesPerDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{}/day", Bytes(self.0.round() as u64)))
    }
}

impl fmt::Display for CountPerDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{}/day", grouped(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growths_are_kept_per_day() {
        assert_eq!(BytesPerDay::parse("50MiB/day"), Ok(BytesPerDay(52_428_800.0)));
        assert_eq!(BytesPerDay::parse("30 MiB/m"), Ok(BytesPerDay(30.0 * 1_048_576.0 * 1440.0)));
        assert_eq!(CountPerDay::parse("60/m"), Ok(CountPerDay(86_400.0)));
        assert_eq!(CountPerDay::parse("4/h"), Ok(CountPerDay(96.0)));
        for text in ["50MiB/day", "0B/day"] {
            assert_eq!(BytesPerDay::parse(text).map(BytesPerDay::notation), Ok(text.to_owned()));
        }
        assert_eq!(CountPerDay(100.0).notation(), "100/day");
        assert_eq!(
            (BytesPerDay(1_048_576.0).to_string(), CountPerDay(12_000.0).to_string()),
            ("1.00 MiB/day".to_owned(), "12,000/day".to_owned())
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in ["50MiB", "MiB/day", "50MiB/week", "-1MiB/day", "", "/day", "50/day"] {
            assert!(BytesPerDay::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["100", "/day", "100/s", "1MiB/day", "-3/day"] {
            assert!(CountPerDay::parse(wrong).is_err(), "{wrong}");
        }
    }
}
