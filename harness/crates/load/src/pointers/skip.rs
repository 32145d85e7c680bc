//! Skips a container in which no pointer is wanted, when all of it has been received: only the grammar is checked, without keys and positions.

use super::text;

/// The deepest nesting within the container.
pub(super) const DEEPEST: usize = 63;

/// Returns the length of the rest of a container after its opening bracket, with the closing one. Returns `None` if `text` ends before it, is
/// nested too deeply or is not JSON; then the caller scans it byte by byte and finds out which.
pub(super) fn container(is_array: bool, text: &[u8]) -> Option<usize> {
    // The lowest bit is set if the innermost container is an array.
    let (mut arrays, mut depth, mut at) = (u64::from(is_array), 1, 0);
    let mut is_empty = true;
    loop {
        at = blanks(text, at);
        let closing = if arrays & 1 == 1 { b']' } else { b'}' };
        if !(is_empty && *text.get(at)? == closing) {
            if arrays & 1 == 0 {
                at = key(text, at)?;
            }
            let byte = *text.get(at)?;
            if matches!(byte, b'{' | b'[') {
                if depth > DEEPEST {
                    return None;
                }
                (arrays, depth, at, is_empty) = (arrays << 1 | u64::from(byte == b'['), depth + 1, at + 1, true);
                continue;
            }
            at = scalar(text, at, byte)?;
        }
        loop {
            at = blanks(text, at);
            match (*text.get(at)?, arrays & 1) {
                (b',', _) => break,
                (b']', 1) | (b'}', 0) => (arrays, depth, at) = (arrays >> 1, depth - 1, at + 1),
                _ => return None,
            }
            if depth == 0 {
                return Some(at);
            }
        }
        (at, is_empty) = (at + 1, false);
    }
}

/// Returns the place of the first byte from `at` on that is not a blank.
#[inline(always)]
pub(super) fn blanks(text: &[u8], at: usize) -> usize {
    // Nearly always there is none, which one comparison shows.
    if text.get(at).is_some_and(|byte| *byte <= b' ') { some_blanks(text, at) } else { at }
}

fn some_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Skips a key, its colon and the blanks around it.
#[inline(always)]
pub(super) fn key(text: &[u8], at: usize) -> Option<usize> {
    let end = match *text.get(at)? {
        b'"' => blanks(text, string(text, at + 1)?),
        _ => return None,
    };
    (*text.get(end)? == b':').then(|| blanks(text, end + 1))
}

#[inline(always)]
pub(super) fn scalar(text: &[u8], at: usize, first: u8) -> Option<usize> {
    let word = |word: &[u8]| text[at..].starts_with(word).then_some(at + word.len());
    match first {
        b'"' => string(text, at + 1),
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => None,
    }
}

/// Returns the end of a string whose content begins at `at`. A call would cost as much as a short string.
#[inline(always)]
pub(super) fn string(text: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..2 {
        let Some(word) = text.get(at..)?.first_chunk() else { break };
        let special = text::special(*word);
        if special == 0 {
            at += word.len();
            continue;
        }
        let place = text::place(special);
        at += place;
        return if word[place] == b'"' { Some(at + 1) } else { long_string(text, at) };
    }
    long_string(text, at)
}

/// Returns the end of a string whose content goes on at `at`.
fn long_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += text::plain(&text[at..]);
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(text, at + 1)?,
            _ => return None,
        }
    }
}

fn escape(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'u' => {
            let digits = text.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        byte => text::unescaped(byte).map(|_| at + 1),
    }
}

/// Returns the end of a number (RFC 8259, section 6), which something must follow.
fn number(text: &[u8], mut at: usize) -> Option<usize> {
    at += usize::from(text[at] == b'-');
    at = if *text.get(at)? == b'0' { at + 1 } else { digits(text, at)? };
    if *text.get(at)? == b'.' {
        at = digits(text, at + 1)?;
    }
    if matches!(*text.get(at)?, b'e' | b'E') {
        let signed = matches!(*text.get(at + 1)?, b'+' | b'-');
        at = digits(text, at + 1 + usize::from(signed))?;
    }
    Some(at)
}

/// Returns the end of one or more digits.
fn digits(text: &[u8], at: usize) -> Option<usize> {
    let count = text.get(at..)?.iter().position(|byte| !byte.is_ascii_digit())?;
    (count > 0).then_some(at + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_containers_are_skipped_and_everything_else_is_left() {
        let skipped = |text: &str| {
            let (open, rest) = text.as_bytes().split_first().unwrap();
            container(*open == b'[', rest).map(|length| text.len() - 1 - length)
        };
        for (text, left) in [
            ("{}", 0),
            ("[ ] ,", 2),
            (r#"{"a":1,"b":[true,false,null,{"c":"d"}],"e":{}}}"#, 1),
            (r#"[-0.5e+3, 0, 10E2 ,"\u00e9\"\\/", [[[ ]]]]x"#, 1),
        ] {
            assert_eq!(skipped(text), Some(left), "{text}");
            for end in 1..text.len() - left {
                assert_eq!(skipped(&text[..end]), None, "{}", &text[..end]);
            }
        }
        for text in [
            "[1,]",
            "[,1]",
            "[1 2]",
            "[01]",
            "[1.]",
            "[.5]",
            "[-]",
            "[+1]",
            "[1e]",
            "[tru]",
            "[nul1]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[\"\u{1}\"]",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "[}",
            "{]",
            "[1}",
        ] {
            assert_eq!(skipped(text), None, "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(skipped(&deep(DEEPEST + 1)), Some(0));
        assert_eq!(skipped(&deep(DEEPEST + 2)), None);
    }
}
