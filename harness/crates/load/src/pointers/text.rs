//! Scanning of JSON strings.

/// Returns the byte that a two-character escape stands for.
pub(super) const fn unescaped(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// Returns the length of the plain text at the beginning: up to a quote, backslash or control character.
///
/// Scans eight bytes at a time: `x − 0x01…` sets the top bit of bytes that were 0, and `x − 0x20…` of bytes below 0x20 (`!x` excludes
/// bytes whose top bit was already set). A borrow can affect only bytes above the first match.
#[inline]
pub(super) fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let (words, tail) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let x = u64::from_le_bytes(*word);
        let control = x.wrapping_sub(ONES * 0x20) & !x;
        let quote = zero(x ^ (ONES * b'"' as u64));
        let backslash = zero(x ^ (ONES * b'\\' as u64));
        let special = (control | quote | backslash) & TOPS;
        if special != 0 {
            return number * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + tail.iter().position(special).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_recognized_at_every_position() {
        for byte in 0..=255u8 {
            for (place, length) in (0..20).flat_map(|place| [(place, place + 1), (place, 24)]) {
                let mut text = vec![b'x'; length];
                text[place] = byte;
                let special = matches!(byte, b'"' | b'\\') || byte < 0x20;
                assert_eq!(plain(&text), if special { place } else { length }, "{byte} at {place} of {length}");
            }
        }
        assert_eq!(plain("über \u{7f}\u{80}\u{ff} \u{1f600} \"".as_bytes()), 17);
    }
}
