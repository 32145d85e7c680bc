//! Recognizes the valid answer to a call in one pass, which is what nearly all answers are. Every other answer is read by [`super::answer`],
//! which says what is wrong with it.

use super::workload::Revision;
use crate::pointers::object::{blanks, object, value};

/// How often the members that matter were seen.
#[derive(Debug, Default)]
struct Seen {
    version: u8,
    id: u8,
    result: u8,
    content: u8,
    is_error: u8,
    result_type: u8,
}

/// Returns whether a body is a valid answer to the call `id`. Returns false for some valid ones too, for example with escapes in the name of a
/// member.
pub(super) fn is_valid_call(body: &[u8], id: u64, revision: Revision) -> bool {
    let mut digits = itoa::Buffer::new();
    let id = digits.format(id).as_bytes();
    let mut seen = Seen::default();
    let end = object(body, blanks(body, 0), |name, at| match name {
        b"jsonrpc" => word(body, at, b"\"2.0\"", &mut seen.version),
        b"id" => word(body, at, id, &mut seen.id),
        b"result" => {
            seen.result += 1;
            result(body, at, &mut seen)
        }
        b"error" | b"method" | b"params" => None,
        _ => other(body, name, at),
    });
    let Seen { version, id, result, content, is_error, result_type } = seen;
    end.is_some_and(|end| blanks(body, end) == body.len())
        && (version, id, result, content) == (1, 1, 1, 1)
        && is_error <= 1
        && result_type <= 1
        && (result_type == 1 || revision.has_sessions())
}

/// Reads the result of a call.
fn result(body: &[u8], at: usize, seen: &mut Seen) -> Option<usize> {
    object(body, at, |name, at| match name {
        b"content" if body.get(at) == Some(&b'[') => {
            seen.content += 1;
            value(body, at)
        }
        b"isError" => word(body, at, b"false", &mut seen.is_error),
        b"resultType" => word(body, at, b"\"complete\"", &mut seen.result_type),
        // These have a type in other results.
        b"content" | b"protocolVersion" | b"supportedVersions" | b"tools" | b"nextCursor" => None,
        _ => other(body, name, at),
    })
}

/// Reads a value that must be this one.
fn word(body: &[u8], at: usize, expected: &[u8], seen: &mut u8) -> Option<usize> {
    let end = value(body, at)?;
    *seen += 1;
    (body[at..end] == *expected).then_some(end)
}

/// Skips the value of a member that does not matter, unless its name is written with escapes.
fn other(body: &[u8], name: &[u8], at: usize) -> Option<usize> {
    if name.contains(&b'\\') { None } else { value(body, at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"{"jsonrpc":"2.0","id":42,"result":{"resultType":"complete","content":[{"type":"text","text":"x\"}"}],"isError":false}}"#;

    fn is_valid(body: &str, revision: Revision) -> bool {
        is_valid_call(body.as_bytes(), 42, revision)
    }

    #[test]
    fn a_valid_answer_is_recognized_in_any_order() {
        assert!(is_valid(RIGHT, Revision::July2026) && is_valid(RIGHT, Revision::June2025));
        let other = r#" { "result" : { "_meta" : {"a":[1,{}]}, "content" : [] } , "id" : 42 , "jsonrpc" : "2.0" } "#;
        assert!(is_valid(other, Revision::June2025) && !is_valid(other, Revision::July2026), "resultType is missing");
    }

    #[test]
    fn everything_that_may_be_wrong_is_left_to_the_other_reader() {
        for (from, to) in [
            ("42", "43"),
            ("42", "\"42\""),
            ("42", "42.0"),
            ("2.0", "1.0"),
            ("false", "true"),
            ("false", "null"),
            ("complete", "input_required"),
            ("\"content\"", "\"contents\""),
            ("\"result\"", "\"error\""),
            ("\"id\":42", "\"id\":42,\"id\":42"),
            ("\"id\":42", "\"id\":42,\"error\":null"),
            ("\"id\":42", "\"id\":42,\"method\":\"x\""),
            ("\"isError\":false", "\"isError\":false,\"isError\":true"),
            ("\"isError\"", "\"is\\u0045rror\""),
            ("}}", "}"),
            ("}}", "}}x"),
            ("[", "{"),
        ] {
            let wrong = RIGHT.replacen(from, to, 1);
            assert_ne!(wrong, RIGHT);
            assert!(!is_valid(&wrong, Revision::July2026), "{wrong}");
        }
        for end in 0..RIGHT.len() {
            assert!(!is_valid(&RIGHT[..end], Revision::July2026), "{end}");
        }
    }
}
