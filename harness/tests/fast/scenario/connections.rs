//! How a scenario describes connections that are closed after a number of requests.

use harness::work::load::PerConnection;

use super::*;

const STAGES: &str = "[stage.connections]\n[stage.five]\nkind = \"connections\"\nrequests_per_connection = 5\nrate = \"200/s\"\nresumption = false\n";

/// The scenario with these stages, whose endpoint speaks TLS.
fn secure(stages: &str) -> String {
    GOOD.replacen("proxy = \"http:", "proxy = \"https:", 1)
        .replace("[stage.overhead]", &format!("{stages}[stage.overhead]"))
}

#[test]
fn sessions_are_resumed_as_the_generator_says_unless_the_stage_says_otherwise() {
    let used = |text: &str, overrides: &[&str]| -> Vec<Option<PerConnection>> {
        good(text, overrides)
            .stages
            .iter()
            .map(|stage| stage.work.planned().load().and_then(|load| load.per_connection))
            .collect()
    };
    let of = |requests, resumption| Some(PerConnection { requests, resumption });
    let text = secure(STAGES);
    assert_eq!(used(&text, &[])[..3], [of(1, Some(true)), of(5, Some(false)), None]);
    assert_eq!(used(&text, &["generator.tls.resumption=false"])[..2], [of(1, Some(false)), of(5, Some(false))]);
    let plain = GOOD.replace("[stage.overhead]", "[stage.connections]\n[stage.overhead]");
    assert_eq!(used(&plain, &[])[0], of(1, None));
    let stages = good(&text, &[]).stages;
    let described: Vec<String> = stages.iter().take(2).map(|stage| stage.work.planned().describe()).collect();
    assert_eq!(
        described,
        [
            "10 rounds of direct and proxied, 10 users, 1 request per connection, TLS sessions resumed, warm-up 200ms, window 500ms",
            "10 rounds of direct and proxied, 200/s on 10 connections, 5 requests per connection, full TLS handshakes, warm-up 200ms, window 500ms",
        ]
    );
}

#[test]
fn mistakes_are_named() {
    let none = mistakes(&secure("[stage.connections]\nrequests_per_connection = 0\n"), &[]);
    assert!(
        none.len() == 1 && none[0].contains("stage.connections.requests_per_connection: must be at least 1, is 0"),
        "{none:#?}"
    );
    let plain = GOOD.replace("[stage.overhead]", "[stage.connections]\nresumption = true\n[stage.overhead]");
    let found = mistakes(&plain, &[]);
    assert!(
        found.len() == 1 && found[0].contains("is about TLS, which the endpoint proxy does not speak"),
        "{found:#?}"
    );
}
