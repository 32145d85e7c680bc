//! Bandwidths of a network.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parse::{ParseError, scaled};
use super::quantity::Nanos;
use super::text::{exact, three_digits};

/// Bits per second, greater than 0. A byte has eight bits, and the prefixes are decimal, as those of networks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct BitRate(pub u64);

impl BitRate {
    /// Returns how long so many bytes take, rounded up.
    pub const fn span(self, bytes: u64) -> Nanos {
        let bits = bytes as u128 * 8_000_000_000;
        let rate = if self.0 == 0 { 1 } else { self.0 as u128 };
        let span = bits.div_ceil(rate);
        if span > u64::MAX as u128 { Nanos(u64::MAX) } else { Nanos(span as u64) }
    }

    /// Writes the exact notation of a scenario: `"10Mbit/s"`.
    pub fn notation(self) -> String {
        let units = [(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")];
        exact(self.0, &units, "bit/s")
    }

    /// Parses `"10Mbit/s"`, `"64kbit/s"`, `"1.5Gbit/s"`, `"800bit/s"`.
    ///
    /// # Errors
    /// Returns an error when the text is not in that notation, or the bandwidth is less than 1 bit/s.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        const UNITS: &[(&str, f64)] = &[("bit/s", 1.0), ("kbit/s", 1e3), ("Mbit/s", 1e6), ("Gbit/s", 1e9)];
        let rate = scaled(text, UNITS, "a bandwidth such as \"10Mbit/s\"")?.round();
        if rate >= 1.0 { Ok(Self(rate as u64)) } else { Err(ParseError::ZeroRate) }
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        let text = match self.0 {
            0..1_000 => format!("{} bit/s", self.0),
            1_000..1_000_000 => format!("{} kbit/s", three_digits(value / 1e3)),
            1_000_000..1_000_000_000 => format!("{} Mbit/s", three_digits(value / 1e6)),
            _ => format!("{} Gbit/s", three_digits(value / 1e9)),
        };
        out.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_counts_bits_with_decimal_prefixes() {
        assert_eq!(BitRate::parse("10Mbit/s"), Ok(BitRate(10_000_000)));
        assert_eq!(BitRate::parse("1.5 Gbit/s"), Ok(BitRate(1_500_000_000)));
        for text in ["64kbit/s", "10Mbit/s", "1500Mbit/s", "2Gbit/s", "7bit/s"] {
            assert_eq!(BitRate::parse(text).map(BitRate::notation), Ok(text.to_owned()));
        }
        for wrong in ["10", "10MB/s", "0Mbit/s", "0.2bit/s", "-1Mbit/s", "10mbit/s", ""] {
            assert!(BitRate::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(BitRate(12_500_000).to_string(), "12.5 Mbit/s");
    }

    #[test]
    fn bytes_take_eight_bits_each() {
        assert_eq!(BitRate(8_000_000).span(1_000), Nanos::from_millis(1));
        assert_eq!(BitRate(3).span(1), Nanos(2_666_666_667));
        assert_eq!(BitRate(1).span(u64::MAX), Nanos(u64::MAX));
    }
}
