//! Values of flags. The notation is that of [`harness_base::units`]; a size may leave out the `B`, a duration of zero its unit.

use std::time::Duration;

use harness_base::units::{Bytes, Nanos};

const LARGEST: Bytes = Bytes(1 << 40);
const LONGEST: Nanos = Nanos::from_secs(365 * 24 * 3600);

/// The reason why a flag's value is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error(transparent)]
    Unit(#[from] harness_base::units::ParseError),
    #[error("{0} is more than 1 TiB")]
    TooLarge(String),
    #[error("`{0}` is not a period; write 4s")]
    ZeroPeriod(String),
    #[error("{0} is more than a year")]
    TooLong(String),
}

/// Parses a size in bytes: `64`, `64B`, `1kB`, `1KiB`, `1.5MiB`, `2GiB`.
///
/// # Errors
/// Returns an error when the text is not a size, or the size is more than 1 TiB.
pub fn parse_size(text: &str) -> Result<usize, FlagError> {
    let text = text.trim();
    let size = match text.ends_with(|c: char| c.is_ascii_digit()) {
        true => Bytes::parse(&format!("{text}B")),
        false => Bytes::parse(text),
    }?;
    if size > LARGEST { Err(FlagError::TooLarge(text.to_owned())) } else { Ok(size.0 as usize) }
}

/// Parses a duration: `800ns`, `500us`, `5ms`, `1.5s`, `2m`, `1h`, `0`.
///
/// # Errors
/// Returns an error when the text is not a duration, or the duration is more than a year.
pub fn parse_duration(text: &str) -> Result<Duration, FlagError> {
    // U+03BC is the Greek letter, which some keyboards type instead of the micro sign U+00B5.
    let text = text.trim().replace('\u{3bc}', "\u{b5}");
    let span = match text.strip_suffix("min") {
        Some(minutes) => Nanos::parse(&format!("{minutes}m")),
        None if text == "0" => Ok(Nanos::ZERO),
        None => Nanos::parse(&text),
    }?;
    if span > LONGEST { Err(FlagError::TooLong(text)) } else { Ok(span.duration()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_or_are_bytes() {
        assert_eq!(parse_size("64"), Ok(64));
        assert_eq!(parse_size("64B"), Ok(64));
        assert_eq!(parse_size("1KiB"), Ok(1024));
        assert_eq!(parse_size("1kB"), Ok(1000));
        assert_eq!(parse_size("1KB"), Ok(1000));
        assert_eq!(parse_size("1MB"), Ok(1_000_000));
        assert_eq!(parse_size("1GB"), Ok(1_000_000_000));
        assert_eq!(parse_size("1.5 MiB"), Ok(1_572_864));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert!(parse_size("1Kib").unwrap_err().to_string().contains("1Kib"));
        assert_eq!(parse_size("2000GiB"), Err(FlagError::TooLarge("2000GiB".to_owned())));
        for wrong in ["KiB", "-1KiB", ""] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_unit_or_are_zero() {
        assert_eq!(parse_duration("800ns"), Ok(Duration::from_nanos(800)));
        assert_eq!(parse_duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(parse_duration("0ms"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("800\u{b5}s"), Ok(Duration::from_micros(800)));
        assert_eq!(parse_duration("800\u{3bc}s"), Ok(Duration::from_micros(800)));
        assert_eq!(parse_duration("2 min"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert!(parse_duration("5").unwrap_err().to_string().contains("units: ns"));
        assert_eq!(parse_duration("9000h"), Err(FlagError::TooLong("9000h".to_owned())));
        assert!(parse_duration("5 parsecs").is_err());
    }
}
