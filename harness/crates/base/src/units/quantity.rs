//! Durations, sizes, rates and shares.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parse::{ParseError, scaled};
use super::text::{exact, grouped, three_digits};

/// A span of time in nanoseconds, 0 to about 584 years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct Nanos(pub u64);

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct Bytes(pub u64);

/// Events per second, greater than 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct Rate(pub f64);

/// A share: 1.0 is the whole, 0.05 is five percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl Nanos {
    pub const ZERO: Self = Self(0);

    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds * 1_000)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Converts from a [`Duration`], saturating at the largest value.
    pub fn of(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Adds, saturating at the largest value.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Subtracts, saturating at zero.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Multiplies by `n`, saturating at the largest value.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// Writes the exact notation of a scenario: `"3s"`, `"500ms"`.
    pub fn notation(self) -> String {
        exact(
            self.0,
            &[(3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")],
            "ns",
        )
    }

    /// Parses `"30s"`, `"1.5ms"`, `"800us"`, `"20ns"`, `"2m"`, `"4h"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        const UNITS: &[(&str, f64)] =
            &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
        scaled(text, UNITS, "a duration such as \"30s\" or \"500us\"").map(|value| Self(value.round() as u64))
    }
}

impl Bytes {
    pub const fn from_mebi(mebibytes: u64) -> Self {
        Self(mebibytes * 1024 * 1024)
    }

    /// Writes the exact notation of a scenario: `"128MiB"`.
    pub fn notation(self) -> String {
        exact(self.0, &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")], "B")
    }

    /// Parses `"128MiB"`, `"1KiB"`, `"15MB"`, `"100B"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        const UNITS: &[(&str, f64)] = &[
            ("B", 1.0),
            ("kB", 1e3),
            ("KB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
        ];
        scaled(text, UNITS, "a size such as \"128MiB\" or \"1KiB\"").map(|value| Self(value.round() as u64))
    }
}

impl Rate {
    /// Returns the time between two events.
    pub fn period(self) -> Nanos {
        Nanos((1e9 / self.0).round() as u64)
    }

    /// Writes the notation of a scenario: `"1000/s"`.
    pub fn notation(self) -> String {
        format!("{}/s", self.0)
    }

    /// Parses `"1000/s"` or `"90/m"`.
    ///
    /// # Errors
    /// Returns an error when the text is not a rate, or the rate is 0.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let rate = scaled(text, &[("/s", 1.0), ("/m", 1.0 / 60.0)], "a rate such as \"1000/s\"")?;
        if rate > 0.0 { Ok(Self(rate)) } else { Err(ParseError::ZeroRate) }
    }
}

impl Ratio {
    pub fn percent(self) -> f64 {
        self.0 * 100.0
    }

    /// Writes the notation of a scenario: `"5%"`.
    pub fn notation(self) -> String {
        format!("{}%", (self.percent() * 1e9).round() / 1e9)
    }

    /// Parses `"5%"`, `"+10%"` or `"-25%"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let trimmed = text.trim();
        let number = trimmed
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|number| number.is_finite());
        number
            .map(|number| Self(number / 100.0))
            .ok_or_else(|| ParseError::notation(text, "a share such as \"5%\"", &[]))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0 as f64;
        let text = match self.0 {
            0 => "0 ms".to_owned(),
            1..1_000 => format!("{} ns", self.0),
            1_000..1_000_000 => format!("{} µs", three_digits(ns / 1e3)),
            1_000_000..1_000_000_000 => format!("{} ms", three_digits(ns / 1e6)),
            1_000_000_000..120_000_000_000 => format!("{} s", three_digits(ns / 1e9)),
            _ => format!("{} min", three_digits(ns / 60e9)),
        };
        out.pad(&text)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        let text = match self.0 {
            0..1024 => format!("{} B", self.0),
            1024..1_048_576 => format!("{} KiB", three_digits(value / 1024.0)),
            1_048_576..1_073_741_824 => format!("{} MiB", three_digits(value / 1_048_576.0)),
            _ => format!("{} GiB", three_digits(value / 1_073_741_824.0)),
        };
        out.pad(&text)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{}/s", grouped(self.0)))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&format!("{} %", three_digits(self.percent())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_carries_its_unit() {
        assert_eq!(Nanos::parse("30s"), Ok(Nanos::from_secs(30)));
        assert_eq!(Nanos::parse("1.5ms"), Ok(Nanos::from_micros(1500)));
        assert_eq!(Nanos::parse("800us"), Ok(Nanos::from_micros(800)));
        assert_eq!(Nanos::parse("4h"), Ok(Nanos::from_secs(14_400)));
        for text in ["4h", "90s", "300ms", "1500us", "7ns", "0ns"] {
            assert_eq!(Nanos::parse(text).map(Nanos::notation), Ok(text.to_owned()));
        }
        for wrong in ["30", "s", "-3s", "3 parsecs", "", "1e400s", "99999999999h"] {
            assert!(Nanos::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_tell_binary_from_decimal() {
        assert_eq!(Bytes::parse("128MiB"), Ok(Bytes::from_mebi(128)));
        assert_eq!(Bytes::parse("15MB"), Ok(Bytes(15_000_000)));
        assert!(Bytes::parse("15").is_err());
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!(Rate::parse("1000/s"), Ok(Rate(1000.0)));
        assert!(Rate::parse("0/s").is_err());
        assert_eq!(Ratio::parse("-25%"), Ok(Ratio(-0.25)));
        assert!(Ratio::parse("0.25").is_err());
    }

    #[test]
    fn quantities_are_shown_with_three_digits() {
        assert_eq!(Nanos(0).to_string(), "0 ms");
        assert_eq!(Nanos(185_000).to_string(), "185 µs");
        assert_eq!(Nanos::from_micros(6_600).to_string(), "6.60 ms");
        assert_eq!(Bytes::from_mebi(64).to_string(), "64.0 MiB");
        assert_eq!(Rate(15_420.0).to_string(), "15,420/s");
    }
}
