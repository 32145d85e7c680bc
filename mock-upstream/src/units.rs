//! Sizes and durations as flags carry them: a number and its unit, `1KiB`, `500us`.

use std::time::Duration;

/// Parses a size in bytes: `64`, `64B`, `1kB`, `1KiB`, `1.5MiB`, `2GiB`.
///
/// # Errors
/// A message for the flag's user when the number or the unit is not understood.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let factor: f64 = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        other => {
            return Err(format!("unknown unit `{other}`; write a size such as 64B, 1KiB or 2MiB"));
        }
    };
    let bytes = parse_number(number, "size", "1KiB")? * factor;
    if bytes > (1_u64 << 40) as f64 {
        return Err(format!("{text} is more than 1 TiB"));
    }
    Ok(bytes.round() as usize)
}

/// Parses a duration: `800ns`, `500us`, `5ms`, `1.5s`, `2m`, `1h`; a bare `0` is zero.
///
/// # Errors
/// A message for the flag's user when the number or the unit is not understood, or it is more than a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let nanos: f64 = match unit {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3600e9,
        "" if number.trim() == "0" => 1.0,
        "" => return Err(format!("`{text}` has no unit; write 500us, 5ms or 2s")),
        other => {
            return Err(format!("unknown unit `{other}`; write a duration such as 500us, 5ms or 2s"));
        }
    };
    let total = parse_number(number, "duration", "5ms")? * nanos;
    if total > 365.0 * 24.0 * 3600e9 {
        return Err(format!("{text} is more than a year"));
    }
    Ok(Duration::from_nanos(total.round() as u64))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn parse_number(number: &str, kind: &str, example: &str) -> Result<f64, String> {
    number.parse::<f64>().map_err(|_| format!("`{number}` is no number; write a {kind} such as {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_carry_their_unit() {
        assert_eq!(parse_size("64"), Ok(64));
        assert_eq!(parse_size("1KiB"), Ok(1024));
        assert_eq!(parse_size("1kB"), Ok(1000));
        assert_eq!(parse_size("1.5 MiB"), Ok(1_572_864));
        assert!(parse_size("1Kib").unwrap_err().contains("`Kib`"));
        assert!(parse_size("KiB").is_err());
        assert!(parse_size("-1KiB").is_err());
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(parse_duration("500us"), Ok(Duration::from_micros(500)));
        assert_eq!(parse_duration("0ms"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("800µs"), Ok(Duration::from_micros(800)));
        assert!(parse_duration("5").unwrap_err().contains("no unit"));
        assert!(parse_duration("5 parsecs").is_err());
    }
}
