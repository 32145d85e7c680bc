//! Reads the protocol between generator and endpoints.

use harness_load::spec::{Http2, WireSpec};

use super::*;

#[test]
fn a_stage_has_the_wire_of_the_generator_unless_it_has_its_own() {
    assert_eq!(good(GOOD, &[]).generator.http2, Http2 { streams: 1, window: 64 << 10 });
    assert!(good(GOOD, &[]).stages.iter().all(|stage| stage.wire.is_none()));
    let table = "\n[generator]\nwire = \"h2c\"\n[generator.http2]\nstreams = 8\nwindow = \"1MiB\"\n";
    let found = good(&format!("{GOOD}{table}"), &["stage.capacity.wire=h1"]);
    assert_eq!(found.generator.http2, Http2 { streams: 8, window: 1 << 20 });
    let wire = |name: &str| found.stages.iter().find(|stage| stage.name == name).and_then(|stage| stage.wire);
    assert_eq!((wire("overhead"), wire("capacity")), (Some(WireSpec::H2c), Some(WireSpec::H1)));
}

#[test]
fn a_wire_that_an_endpoint_does_not_speak_is_named_with_the_way_out() {
    for (word, other) in [("h2", "h2c"), ("tls", "h1")] {
        let found = mistakes(&format!("{GOOD}\n[generator]\nwire = \"{word}\"\n"), &[]);
        let text = found.join("\n");
        assert!(text.contains("generator.wire") && text.contains("target.endpoints.proxy is http://"), "{text}");
        assert!(text.contains(&format!("write https:// there, or wire = {other:?}")), "{text}");
        assert!(text.contains("write tls = true in [upstream.builtin]"), "{text}");
    }
    let secure = GOOD.replacen("proxy = \"http:", "proxy = \"https:", 1);
    let found = mistakes(&secure, &["stage.capacity.wire=h2c"]);
    assert!(
        found.len() == 1 && found[0].contains("stage.capacity.wire") && found[0].contains("wire = \"h2\""),
        "{found:#?}"
    );
    assert_eq!(mistakes(&secure, &["generator.wire=h2", "upstream.builtin.tls=true"]), [""; 0]);
}

#[test]
fn a_scheme_from_the_environment_is_checked_when_the_run_starts() {
    let from = GOOD.replacen("proxy = \"http://127.0.0.1:{port.proxy}\"", "proxy = \"${HARNESS_NO_SUCH_URL}\"", 1);
    assert_ne!(from, GOOD);
    let found = mistakes(&from, &["generator.wire=h2", "upstream.builtin.tls=true"]);
    assert!(!found.iter().any(|mistake| mistake.contains("wire")), "{found:#?}");
}

#[test]
fn mistakes_of_http2_are_named() {
    for (table, message) in [
        ("[generator]\nwire = \"http3\"", "generator.wire"),
        ("[generator.http2]\nstreams = 0", "must be from 1 to 1000, is 0"),
        ("[generator.http2]\nstreams = 1001", "must be from 1 to 1000, is 1001"),
        ("[generator.http2]\nwindow = \"1B\"", "must be from 1KiB to 16MiB"),
        ("[generator.http2]\nping = true", "generator.http2.ping"),
    ] {
        let found = mistakes(&format!("{GOOD}\n{table}\n"), &[]);
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:#?}");
    }
}

#[test]
fn slow_readers_speak_http1_only() {
    let text = GOOD.to_owned() + "\n[stage.faults]\nfaults = [\"slow_readers\"]\nwire = \"h2c\"\n";
    let found = good(&text, &[]);
    let stage = found.stages.iter().find(|stage| stage.name == "faults").unwrap();
    assert!(format!("{:?}", stage.work).contains("slow readers do not speak HTTP/2"), "{:?}", stage.work);
}
