//! Formats values for people: three significant digits, grouped thousands, and the unit after the number.

use super::unit::Unit;
use harness_base::units::{grouped, three_digits};

/// The divisor for a readable value, and the unit of the result.
type Scale = (f64, &'static str);

impl Unit {
    /// Formats a value: `0.185 ms`, `31.6 MiB`, `15,400 req/s`. Bytes and times are scaled to a suitable unit; of numbers of things, only small
    /// ones have decimals: those for each of something else.
    pub fn show(self, value: f64) -> String {
        if self == Self::Count {
            let is_share = value.abs() < 10.0 && (value - value.round()).abs() > 1e-6;
            return if is_share { three_digits(value) } else { grouped(value) };
        }
        let (divisor, unit) = self.scale(value);
        format!("{} {unit}", number(value / divisor))
    }

    /// Formats an interval in the unit that [`Unit::show`] uses for `point`: `[0.179, 0.192]`.
    pub fn show_interval(self, point: f64, low: f64, high: f64) -> String {
        let (divisor, _) = self.scale(point);
        format!("[{}, {}]", number(low / divisor), number(high / divisor))
    }

    /// Formats a bound like a person would write it: `20 MB`, `128 MiB`, `2 ms`, `10,000 req/s`.
    pub fn show_bound(self, bound: f64) -> String {
        match self.whole(bound) {
            Some((size, name)) => format!("{} {name}", bound / size),
            None if matches!(self, Self::Bytes | Self::Count) => self.show(bound),
            None if bound.abs() >= 1_000.0 => format!("{} {}", grouped(bound), self.label()),
            None => format!("{bound} {}", self.label()),
        }
    }

    /// Formats a value and its interval in the unit that [`Unit::show_bound`] uses for `bound`, so that they can be compared:
    /// `15.1 MB [15.0, 15.2]`.
    pub fn show_beside(self, bound: f64, value: f64, interval: Option<(f64, f64)>) -> String {
        if self == Self::Count {
            return self.show(value);
        }
        let (divisor, unit) = self.whole(bound).unwrap_or_else(|| self.scale(bound));
        let of = |value: f64| number(value / divisor);
        let ends = interval.map_or_else(String::new, |(low, high)| format!(" [{}, {}]", of(low), of(high)));
        format!("{} {unit}{ends}", of(value))
    }

    /// Returns the largest unit of sizes in which a bound is a whole number.
    fn whole(self, bound: f64) -> Option<Scale> {
        const SIZES: [Scale; 6] =
            [(1e9, "GB"), (1_073_741_824.0, "GiB"), (1e6, "MB"), (1_048_576.0, "MiB"), (1e3, "kB"), (1024.0, "KiB")];
        let mut fits =
            SIZES.into_iter().filter(|(size, _)| self == Self::Bytes && bound >= *size && bound % size == 0.0);
        fits.next()
    }

    fn scale(self, value: f64) -> Scale {
        let size = value.abs();
        match self {
            Self::Bytes if size >= 1_073_741_824.0 => (1_073_741_824.0, "GiB"),
            Self::Bytes if size >= 1_048_576.0 => (1_048_576.0, "MiB"),
            Self::Bytes if size >= 1024.0 => (1024.0, "KiB"),
            Self::Bytes => (1.0, "B"),
            Self::Millis if size < 0.1 => (1e-3, "µs"),
            other => (1.0, other.label()),
        }
    }
}

/// Formats three significant digits, with grouped thousands.
fn number(value: f64) -> String {
    if value.abs() < 999.5 {
        return three_digits(value);
    }
    let step = 10_f64.powi(value.abs().log10().floor() as i32 - 2);
    grouped((value / step).round() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_intervals_share_a_unit() {
        assert_eq!(Unit::Millis.show(0.185), "0.185 ms");
        assert_eq!(Unit::Millis.show_interval(0.185, 0.0979, 0.192), "[0.0979, 0.192]");
        assert_eq!(Unit::Millis.show(-0.001), "-1.00 µs");
        assert_eq!(Unit::Millis.show_interval(-0.001, -0.006, 0.002), "[-6.00, 2.00]");
        assert_eq!(Unit::Bytes.show(33_134_592.0), "31.6 MiB");
        assert_eq!(Unit::PerSecond.show(15_420.4), "15,400 req/s");
        assert_eq!(Unit::PerSecond.show(99_960.0), "100,000 req/s");
        assert_eq!(Unit::PerSecond.show(999.9), "1,000 req/s");
        assert_eq!(
            [3.0, 2.000_000_000_1, 0.2, 1_234.5].map(|value| Unit::Count.show(value)),
            ["3", "2", "0.200", "1,234"]
        );
    }

    #[test]
    fn bounds_read_as_they_were_written() {
        assert_eq!(Unit::Bytes.show_bound(20e6), "20 MB");
        assert_eq!(Unit::Bytes.show_bound(134_217_728.0), "128 MiB");
        assert_eq!(Unit::Millis.show_bound(2.0), "2 ms");
        assert_eq!(Unit::PerSecond.show_bound(10_000.0), "10,000 req/s");
        assert_eq!(Unit::Percent.show_bound(0.5), "0.5 %");
    }

    #[test]
    fn values_beside_a_bound_have_its_unit() {
        assert_eq!(Unit::Bytes.show_beside(15e6, 15_099_494.0, None), "15.1 MB");
        assert_eq!(Unit::Bytes.show_beside(134_217_728.0, 15_099_494.0, None), "14.4 MiB");
        assert_eq!(Unit::Millis.show_beside(2.0, 0.0712, Some((0.07, 0.0731))), "0.0712 ms [0.0700, 0.0731]");
        assert_eq!(Unit::Count.show_beside(6.0, 7.0, None), "7");
    }
}
