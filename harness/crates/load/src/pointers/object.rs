//! Reads the members of an object that was received as a whole, without building anything.

use super::skip;

/// Calls `member` with the name of each member of the object at `at`, as it is written, and the place of its value; `member` returns the end
/// of the value. Returns the end of the object; `None` if it is not one, or if `member` returns `None`.
pub(crate) fn object<'t>(
    text: &'t [u8],
    at: usize,
    mut member: impl FnMut(&'t [u8], usize) -> Option<usize>,
) -> Option<usize> {
    if *text.get(at)? != b'{' {
        return None;
    }
    let mut at = skip::blanks(text, at + 1);
    if *text.get(at)? == b'}' {
        return Some(at + 1);
    }
    loop {
        let value = skip::key(text, at)?;
        let name = &text[at + 1..skip::string(text, at + 1)? - 1];
        at = skip::blanks(text, member(name, value)?);
        match *text.get(at)? {
            b',' => at = skip::blanks(text, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Returns the end of the value at `at`, which something must follow; `None` if it is not one, or is nested too deeply to be skipped.
pub(crate) fn value(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        opening @ (b'{' | b'[') => Some(at + 1 + skip::container(opening == b'[', &text[at + 1..])?),
        first => skip::scalar(text, at, first),
    }
}

/// Returns the place of the first byte from `at` on that is not a blank.
pub(crate) fn blanks(text: &[u8], at: usize) -> usize {
    skip::blanks(text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Option<(Vec<(String, String)>, usize)> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let end = object(bytes, blanks(bytes, 0), |name, at| {
            let end = value(bytes, at)?;
            let shown = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
            found.push((shown(name), shown(&bytes[at..end])));
            Some(end)
        })?;
        Some((found, end))
    }

    #[test]
    fn members_are_read_in_order_with_their_values() {
        let (found, end) = members(r#" { "a" : 1 , "b":{"c":[1,"}"]},"d\"":"x\"y", "e":null}rest"#).unwrap();
        let pairs: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", r#"{"c":[1,"}"]}"#), (r#"d\""#, r#""x\"y""#), ("e", "null")]);
        assert_eq!(end, r#" { "a" : 1 , "b":{"c":[1,"}"]},"d\"":"x\"y", "e":null}"#.len());
        assert_eq!(members("{ }"), Some((Vec::new(), 3)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "{", "{\"a\"}", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\":01}", "{\"a\":1 \"b\":2}"] {
            assert_eq!(members(text), None, "{text}");
        }
    }
}
