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
#[inline]
pub(super) fn plain(text: &[u8]) -> usize {
    match text.first_chunk().map(|word| special(*word)) {
        Some(special) if special != 0 => place(special),
        _ => plain_long(text),
    }
}

/// Returns the same for a text that is shorter than a word, or goes on after it.
fn plain_long(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    let (blocks, _) = words.as_chunks::<4>();
    // One test for four words.
    let is_plain = |[a, b, c, d]: &&[_; 4]| special(*a) | special(*b) | special(*c) | special(*d) == 0;
    let begun = blocks.iter().take_while(is_plain).count() * 4;
    for (number, word) in words.iter().enumerate().skip(begun) {
        let special = special(*word);
        if special != 0 {
            return number * 8 + place(special);
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + tail.iter().position(special).unwrap_or(tail.len())
}

/// Returns the place of the first special byte of a word from what [`special`] returned.
#[inline]
pub(super) const fn place(special: u64) -> usize {
    special.trailing_zeros() as usize / 8
}

/// Returns eight bytes as a number in which the lowest bit that is set is the top bit of the first special byte; 0 without one.
///
/// `x − n` sets the top bit of bytes that were below n, if it was not set before. `x ^ 2` exchanges the quote and the blank, so that the quote
/// and the control characters are those below 0x21; the backslash is the one below 1 after `x ^ '\\'`. A borrow can affect only bytes above
/// the first match.
#[inline]
pub(super) const fn special(word: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let x = u64::from_le_bytes(word);
    let low = (x ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (x ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (low | backslash) & !x & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_recognized_at_every_position() {
        for byte in 0..=255u8 {
            for (place, length) in
                (0..80).flat_map(|place| [(place, place + 1), (place, place / 8 * 8 + 9), (place, 96)])
            {
                let mut text = vec![b'x'; length];
                text[place] = byte;
                let special = matches!(byte, b'"' | b'\\') || byte < 0x20;
                assert_eq!(plain(&text), if special { place } else { length }, "{byte} at {place} of {length}");
            }
        }
        assert_eq!(plain("über \u{7f}\u{80}\u{ff} \u{1f600} \"".as_bytes()), 17);
    }
}
