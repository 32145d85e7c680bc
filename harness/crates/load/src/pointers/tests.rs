//! The scanner against serde_json, which reads the whole document.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Whether each pointer exists and is not null; `None` when the document is not JSON. Cut into chunks at `cuts`.
fn scanned(pointers: &[&str], document: &[u8], cuts: &[usize]) -> Option<Vec<bool>> {
    let wanted = Wanted::new(pointers.iter().copied()).unwrap();
    let mut scan = Scan::default();
    // A scan is used again and again: what an earlier body left behind must not matter.
    scan.begin(&wanted);
    scan.feed(&wanted, br#"{"a":{"b":[0,{"\ud83d"#);
    scan.begin(&wanted);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (document.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts.into_iter().chain([document.len()]) {
        scan.feed(&wanted, &document[from..to]);
        from = to;
    }
    scan.finish().then(|| (0..pointers.len()).map(|pointer| scan.found(pointer)).collect())
}

fn read_whole(pointers: &[&str], document: &[u8]) -> Option<Vec<bool>> {
    let value: Value = serde_json::from_slice(document).ok()?;
    Some(pointers.iter().map(|pointer| value.pointer(pointer).is_some_and(|value| !value.is_null())).collect())
}

const POINTERS: &[&str] = &[
    "", "/a", "/a/b", "/a/b/0", "/a/0/b", "/0", "/1/a", "/b/01", "/a~1b", "/~0", "/ü", "/a\nb", "/", "/b/b/b", "/a/a",
    "/😀",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "0", "1", "01", "a/b", "~", "ü", "a\nb", "", "😀", "c"]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300f64..1e300).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(key(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every character of every string as `\u` escapes: the form in which keys are hardest to compare.
fn escaped(document: &str) -> String {
    let (mut text, mut inside, mut chars) = (String::new(), false, document.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                inside = !inside;
                text.push('"');
            }
            '\\' => {
                let kind = chars.next().unwrap();
                text.extend(['\\', kind]);
                text.extend(chars.by_ref().take(if kind == 'u' { 4 } else { 0 }));
            }
            _ if inside => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04X}"))),
            _ => text.push(c),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn it_agrees_with_reading_the_whole_document(
        document in document(), pretty: bool, escapes: bool, cuts in vec(any::<usize>(), 0..8)
    ) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let text = if escapes { escaped(&text) } else { text };
        let expected = read_whole(POINTERS, text.as_bytes());
        prop_assert!(expected.is_some());
        prop_assert_eq!(scanned(POINTERS, text.as_bytes(), &cuts), expected, "{}", text);
    }

    #[test]
    fn a_truncated_document_is_refused_as_serde_json_refuses_it(
        document in document(), keep in 0.0f64..1.0, cuts in vec(any::<usize>(), 0..3)
    ) {
        let text = serde_json::to_string(&document).unwrap();
        let kept = &text.as_bytes()[..(text.len() as f64 * keep) as usize];
        // Cut inside a character serde_json sees invalid UTF-8, and we an open string: both refuse.
        prop_assert_eq!(scanned(POINTERS, kept, &cuts), read_whole(POINTERS, kept));
    }

    #[test]
    fn a_damaged_document_is_judged_as_serde_json_judges_it(
        text in r#"[\[\]{}:,"\\ab01.eE+\- \n\ttrufalsn]{0,24}"#, document in document(), at: prop::sample::Index, byte in 0x20u8..0x7f
    ) {
        let mut damaged = serde_json::to_string(&document).unwrap().into_bytes();
        let at = at.index(damaged.len());
        if damaged[at].is_ascii() {
            damaged[at] = byte;
        }
        for candidate in [text.into_bytes(), damaged] {
            // Numbers out of range and half surrogates are refused there and let pass here.
            let lossy = String::from_utf8_lossy(&candidate).contains(['e', 'E', 'u']);
            let expected = read_whole(POINTERS, &candidate);
            if expected.is_some() || !lossy {
                prop_assert_eq!(scanned(POINTERS, &candidate, &[3]), expected, "{}", String::from_utf8_lossy(&candidate));
            }
        }
    }
}

#[test]
fn null_does_not_count_and_the_last_of_a_repeated_key_does() {
    for (document, present) in [
        (r#"{"result":null}"#, false),
        (r#"{"result":1,"result":null}"#, false),
        (r#"{"result":null,"result":{}}"#, true),
        (r#"{"other":{"result":1}}"#, false),
        (r#"[{"result":1}]"#, false),
        (r#" { "\u0072esult" : [ ] } "#, true),
    ] {
        assert_eq!(scanned(&["/result"], document.as_bytes(), &[]), Some(vec![present]), "{document}");
    }
    assert_eq!(
        scanned(&["/a/b"], br#"{"a":{"b":1},"a":2}"#, &[]),
        Some(vec![false]),
        "the first a is gone with all in it"
    );
}

#[test]
fn a_large_body_is_followed_to_its_end() {
    let filler = "x".repeat(4 << 20);
    let document = format!(r#"{{"text":"{filler}","items":[{}0],"result":{{"ok":true}}}}"#, "[[]],".repeat(50_000));
    let cuts: Vec<usize> = (0..document.len()).step_by(16_384).collect();
    let found = scanned(&["/result/ok", "/items/50000", "/items/50001"], document.as_bytes(), &cuts);
    assert_eq!(found, Some(vec![true, true, false]));
}

#[test]
fn nesting_without_end_is_refused() {
    assert_eq!(scanned(&["/a"], "[".repeat(100_000).as_bytes(), &[]), None);
    assert!(Wanted::new(["a/b"]).unwrap_err().to_string().contains("begin with /"));
}
