//! How fast something grows: a quantity per day.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Bytes, grouped, scaled};

/// Bytes per day, 0 or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BytesPerDay(pub f64);

/// Things per day, 0 or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountPerDay(pub f64);

/// The spans that a scenario may write behind the slash, in parts of a day.
const SPANS: &[(&str, f64)] = &[("/day", 1.0), ("/h", 24.0), ("/m", 1440.0)];

impl BytesPerDay {
    /// The notation a scenario uses: `"50MiB/day"`.
    pub fn notation(self) -> String {
        format!("{}/day", Bytes(self.0.round() as u64).notation())
    }

    /// Reads `"50MiB/day"`, `"2MiB/h"` or `"30MiB/m"`.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused =
            || format!("{text:?} is not a growth of memory such as \"50MiB/day\" (spans: {})", spans().join(", "));
        let (size, span) = text.trim().rsplit_once('/').ok_or_else(refused)?;
        let known = SPANS.iter().find(|(name, _)| name.trim_start_matches('/') == span.trim());
        let (_, per_day) = known.ok_or_else(refused)?;
        let size = Bytes::parse(size).map_err(|_| refused())?;
        Ok(Self(size.0 as f64 * per_day))
    }
}

impl CountPerDay {
    /// The notation a scenario uses: `"100/day"`.
    pub fn notation(self) -> String {
        format!("{}/day", self.0)
    }

    /// Reads `"100/day"`, `"4/h"` or `"1/m"`.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        scaled(text, SPANS, "a growth such as \"100/day\"").map(Self)
    }
}

fn spans() -> Vec<&'static str> {
    SPANS.iter().map(|(name, _)| *name).collect()
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
    fn what_is_no_growth_is_refused() {
        for wrong in ["50MiB", "MiB/day", "50MiB/week", "-1MiB/day", "", "/day", "50/day"] {
            assert!(BytesPerDay::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["100", "/day", "100/s", "1MiB/day", "-3/day"] {
            assert!(CountPerDay::parse(wrong).is_err(), "{wrong}");
        }
    }
}
