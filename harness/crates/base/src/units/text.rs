//! Numbers as text.

/// Writes `value` in the largest unit that divides it.
pub(super) fn exact(value: u64, units: &[(u64, &str)], smallest: &str) -> String {
    let fitting = units.iter().find(|(size, _)| value > 0 && value.is_multiple_of(*size));
    fitting.map_or_else(|| format!("{value}{smallest}"), |(size, name)| format!("{}{name}", value / size))
}

/// Writes three significant digits without an exponent: `0.0123`, `1.23`, `12.3`, `123`, `1234`.
pub fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = usize::try_from((2 - magnitude).clamp(0, 9)).unwrap_or(0);
    format!("{value:.decimals$}")
}

/// Writes a whole number with commas between the thousands: `15,420`.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0.0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes two hexadecimal digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_limited() {
        assert_eq!(grouped(-1_234_567.0), "-1,234,567");
        assert_eq!(three_digits(0.012_34), "0.0123");
        assert_eq!(hexadecimal(&[0, 171]), "00ab");
    }
}
