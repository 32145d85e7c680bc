//! Reads expected answers, and checks which parts of a scenario the digest of a plan depends on.

use super::*;

#[test]
fn values_patterns_and_the_length_of_a_body_are_read_and_checked() {
    let expect = "[request]\npath = \"/\"\nexpect = { status = 200, length = 1024, json = { equals = { \"/ok\" = true, \"/n\" = 1.5 }, \
                  matches = { \"/text\" = \"^fine\" } } }\n[stage.overhead]\n";
    let text = |expect: &str| format!("{}{expect}", head(GOOD));
    let scenario = good(&text(expect), &[]);
    let found = &scenario.stages[0].requests[0].expect;
    assert_eq!(found.equals, [("/ok".to_owned(), true.into()), ("/n".to_owned(), 1.5.into())]);
    assert_eq!(
        (found.matches.as_slice(), found.length),
        ([("/text".to_owned(), "^fine".to_owned())].as_slice(), Some(1024))
    );
    assert!(scenario.warnings.is_empty(), "{:?}", scenario.warnings);
    for (wrong, message) in [
        (expect.replace("\"^fine\"", "\"(\""), "\"(\" is not a regular expression: "),
        (expect.replace("\"/ok\"", "\"ok\""), "\"ok\" is not a JSON pointer: it must start with /"),
        (expect.replace("1024", "-1"), "must not be negative, is -1"),
    ] {
        let found = mistakes(&text(&wrong), &[]);
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:#?}");
    }
}

/// Returns the part of a scenario above its requests.
fn head(text: &str) -> &str {
    &text[..text.find("[request]").unwrap()]
}

#[test]
fn the_digest_of_a_plan_depends_on_what_is_measured_and_not_on_comments_or_the_program() {
    let digest = |text: &str, overrides: &[&str]| good(text, overrides).facts.plan_sha256.unwrap();
    let plan = digest(GOOD, &[]);
    assert_eq!(digest(&format!("# A comment.\n{GOOD}"), &[]), plan);
    assert_eq!(digest(&GOOD.replace("builtin:sidecar", "/opt/other/sidecar"), &[]), plan);
    assert_ne!(digest(GOOD, &["seed=7"]), plan);
    assert_ne!(digest(GOOD, &["stage.overhead.rate=500/s"]), plan);
    assert_ne!(digest(&GOOD.replace("\"--admin\"", "\"--verbose\", \"--admin\""), &[]), plan);
}

#[test]
fn many_short_rounds_have_a_long_window_and_few_have_none() {
    let tail = |overrides: &[&str]| load(&good(GOOD, overrides).stages[0].work).tail;
    assert_eq!(tail(&[]), Nanos::from_secs(60));
    assert_eq!(tail(&["stage.overhead.rounds=10"]), Nanos::ZERO);
    assert_eq!(tail(&["stage.overhead.rounds=10", "stage.overhead.tail_window=15s"]), Nanos::from_secs(15));
    let found = mistakes(GOOD, &["stage.overhead.tail_window=1s"]);
    assert!(found.len() == 1 && found[0].contains("must be 0s, or 10s to 1h, is 1s"), "{found:#?}");
}
