//! Streamed bodies, and stage `upload`.

use super::*;
use harness_base::units::Bytes;
use harness_load::spec::{Body, Framing, StreamedBody};

const STAGE: &str =
    "\n[stage.upload.request]\nmethod = \"POST\"\npath = \"/sink\"\nheaders = { content-type = \"a/b\" }\n";

fn named(text: &str, overrides: &[&str]) -> String {
    mistakes(text, overrides).join("\n")
}

fn with(request: &str) -> String {
    format!("{GOOD}{STAGE}{request}\n")
}

#[test]
fn a_streamed_body_has_its_size_and_defaults() {
    let found = good(&with("stream = { size = \"100MiB\" }"), &[]);
    let stage = found.stages.iter().find(|stage| stage.name == "upload").unwrap();
    let body = StreamedBody {
        size: Bytes::from_mebi(100),
        chunk: Bytes(64 << 10),
        per_second: None,
        framing: Framing::Length,
        awaits_continue: false,
    };
    assert_eq!(stage.requests[0].body, Body::Streamed(body));
    let described = Plan::new(&found, &Options::default()).unwrap().to_string();
    assert!(described.contains("streamed body of 100MiB in chunks of 64KiB"), "{described}");
}

#[test]
fn a_stage_without_a_size_is_a_mistake() {
    let text = named(&with(""), &[]);
    assert!(text.contains("neither a streamed body nor an expected length"), "{text}");
    good(&with("expect = { length = 1_000_000 }"), &[]);
}

#[test]
fn a_streamed_body_is_the_only_body_and_waits_for_an_answer_over_http1_only() {
    let text = named(&with("stream = { size = \"1MiB\" }\nbody = \"x\""), &[]);
    assert!(text.contains("gives a second body, in addition to body"), "{text}");
    good(&with("stream = { size = \"1MiB\" }"), &["stage.upload.wire=h2c"]);
    let text = named(&with("stream = { size = \"1MiB\", continue = true }"), &["stage.upload.wire=h2c"]);
    assert!(text.contains("which is done over HTTP/1.1 only"), "{text}");
    for (key, value) in [("chunk", "0B"), ("chunk", "17MiB"), ("size", "0B"), ("framing", "none")] {
        let size = if key == "size" { "" } else { "size = \"1MiB\", " };
        let text = named(&with(&format!("stream = {{ {size}{key} = \"{value}\" }}")), &[]);
        assert!(text.contains(&format!("stream.{key}")), "{text}");
    }
}
