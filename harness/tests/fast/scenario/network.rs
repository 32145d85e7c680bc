//! Reads the impaired paths, and says what cannot be kept.

use harness_base::units::{BitRate, Bytes};
use harness_rig::paths::{Path, PathNetem, PathReset, PathStall, Paths};

use super::*;

/// Returns a scenario with a network, whose target gets the address of its upstream.
fn with(network: &str) -> String {
    let told =
        GOOD.replace("\"127.0.0.1:{port.admin}\"]", "\"127.0.0.1:{port.admin}\", \"--upstream\", \"{upstream.url}\"]");
    format!("{told}\n{network}\n")
}

fn of(scenario: &Scenario, name: &str) -> Paths {
    scenario.stages.iter().find(|stage| stage.name == name).unwrap().network
}

#[test]
fn a_stage_has_the_network_of_the_scenario_unless_it_has_its_own() {
    assert!(good(GOOD, &[]).stages.iter().all(|stage| stage.network.is_empty()));
    let text = with(
        "[network]\nclient = { delay = \"10ms\", jitter = \"1ms\", bandwidth = \"10Mbit/s\" }\n[stage.capacity.network.upstream]\n\
         stall = { every = \"2s\", for = \"100ms\" }\nreset = { after = \"64KiB\", share = \"5%\" }\n[stage.startup]\n[stage.bare]\n\
         kind = \"overhead\"\nnetwork = {}",
    );
    let scenario = good(&text.replace("[stage.capacity]\nvus = 20\n", ""), &[]);
    let client = Path {
        delay_ns: Nanos::from_millis(10),
        jitter_ns: Nanos::from_millis(1),
        bits_per_second: Some(BitRate(10_000_000)),
        ..Path::default()
    };
    assert_eq!(of(&scenario, "overhead"), Paths { client: Some(client), upstream: None });
    let upstream = Path {
        stall: Some(PathStall { every_ns: Nanos::from_secs(2), for_ns: Nanos::from_millis(100) }),
        reset: Some(PathReset { after_bytes: Bytes(65_536), share: 0.05 }),
        ..Path::default()
    };
    assert_eq!(of(&scenario, "capacity"), Paths { client: None, upstream: Some(upstream) });
    assert!(of(&scenario, "bare").is_empty() && of(&scenario, "startup").is_empty());
}

#[test]
fn the_plan_says_how_long_a_round_trip_takes_and_in_which_stages() {
    let plan = |text: &str| Plan::new(&good(text, &[]), &Options::default()).unwrap().to_string();
    let words = |text: &str| plan(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let everywhere = words(&with("[network]\nclient = { delay = \"10ms\" }\nupstream = { bandwidth = \"10Mbit/s\" }"));
    assert!(
        everywhere.contains("network client path: 10ms each way (round trip 20ms); upstream path: 10.0 Mbit/s request"),
        "{everywhere}"
    );
    let one = words(&with("[stage.far]\nkind = \"overhead\"\nnetwork = { client = { delay = \"7ms\" } }"));
    assert!(one.contains("network client path: 7ms each way (round trip 14ms) in far"), "{one}");
    assert!(!words(GOOD).contains("network"));
}

#[test]
fn other_networks_are_other_measurements() {
    let digest = |network: &str, overrides: &[&str]| good(&with(network), overrides).facts.plan_sha256.unwrap();
    let network = "[network]\nclient = { delay = \"10ms\" }";
    assert_eq!(digest(network, &[]), digest(&format!("# A comment.\n{network}"), &[]));
    assert_ne!(digest(network, &[]), digest("", &[]));
    assert_ne!(digest(network, &[]), digest(network, &["network.client.delay=11ms"]));
    assert_ne!(digest("", &[]), digest("[network]\nclient = {}", &[]), "the cost of a relay is in the numbers");
}

#[test]
fn what_a_relay_cannot_do_is_refused_with_the_reason_and_the_way_out() {
    for (network, words) in [
        (
            "client = { loss = \"1%\" }",
            ["network.client.loss", "kernel acknowledges and repairs them", "write netem = true"].as_slice(),
        ),
        ("client = { reorder = \"1%\" }", &["network.client.reorder", "puts them in order"]),
        ("upstream = { duplicate = \"1%\" }", &["network.upstream.duplicate", "drops duplicates"]),
        ("netem = true", &["network.netem", "no stage of this scenario has a path", "loss = "]),
        ("netem = 1", &["network.netem"]),
        (
            "netem = true\nclient = { reorder = \"1%\" }",
            &["network.client.reorder", "needs a delay", "because it is not delayed"],
        ),
        ("netem = true\nclient = { loss = \"100%\" }", &["network.client.loss", "less than 100%"]),
        ("client = { delai = \"1ms\" }", &["network.client.delai", "did you mean delay?"]),
        ("clients = { delay = \"1ms\" }", &["network.clients", "did you mean client?"]),
        ("client = { delay = \"11s\" }", &["network.client.delay", "must be at most 10s"]),
        ("client = { delay = \"1ms\", jitter = \"2ms\" }", &["network.client.jitter", "more than the delay of 1ms"]),
        ("client = { bandwidth = \"10MB/s\" }", &["network.client.bandwidth", "10Mbit/s"]),
        ("client = { stall = { every = \"1s\" } }", &["network.client.stall.for", "is missing"]),
        ("client = { stall = { every = \"1s\", for = \"1s\" } }", &["network.client.stall.for", "shorter than every"]),
        ("client = { reset = { share = \"5%\" } }", &["network.client.reset.after", "is missing"]),
        ("client = { reset = { after = \"1B\", share = \"0%\" } }", &["network.client.reset.share", "more than 0%"]),
    ] {
        let found = mistakes(&with(&format!("[network]\n{network}")), &[]);
        assert!(found.iter().any(|mistake| words.iter().all(|word| mistake.contains(word))), "{network}: {found:#?}");
        assert!(found.iter().any(|mistake| mistake.contains("line ")), "{found:#?}");
    }
}

#[test]
fn a_path_that_nothing_would_cross_is_refused() {
    let found = |text: &str, words: &str| {
        let found = mistakes(text, &[]);
        assert!(found.iter().any(|mistake| mistake.contains(words)), "{words}: {found:#?}");
    };
    let upstream = "[network]\nupstream = { delay = \"1ms\" }\n";
    found(&format!("{GOOD}\n{upstream}"), "the target is not told where its upstream is");
    found(
        &with(upstream).replace("[upstream.builtin]", "[upstream.builtin]\nunix = true"),
        "the upstream listens at no port",
    );
    let client = "[network]\nclient = { delay = \"1ms\" }\n";
    let at_socket =
        with(client).replace("proxy = \"http://127.0.0.1:{port.proxy}\"", "proxy = \"unix://{socket.proxy}\"");
    found(&at_socket.replace("127.0.0.1:{port.proxy}", "unix:{socket.proxy}"), "the target listens at a unix socket");
    let idle = with(client).replace("[stage.overhead]\n[stage.capacity]\nvus = 20\n", "[stage.idle]\n");
    found(&idle, "impairs nothing: no stage of this scenario uses it");
    let faults = with("[stage.faults]\nnetwork = { client = {} }\nfaults = [\"restart\"]");
    found(&faults, "stage.faults.network: unknown key");
}

#[test]
fn netem_makes_the_paths_of_all_stages() {
    let text = with(
        "[network]\nnetem = true\nclient = { delay = \"10ms\", loss = \"1%\" }\n[stage.capacity.network.upstream]\nduplicate = \"2%\"\n\
         [stage.startup]\n[stage.bare]\nkind = \"overhead\"\nnetwork = { client = {} }",
    );
    let text = text.replace("[stage.capacity]\nvus = 20\n", "");
    let scenario = good(&text, &[]);
    let netem = Some(PathNetem { loss: 0.01, ..PathNetem::default() });
    let client = Path { delay_ns: Nanos::from_millis(10), netem, ..Path::default() };
    assert_eq!(of(&scenario, "overhead"), Paths { client: Some(client), upstream: None });
    let upstream = of(&scenario, "capacity").upstream.unwrap();
    assert_eq!(upstream.netem, Some(PathNetem { duplicate: 0.02, ..PathNetem::default() }));
    assert_eq!(of(&scenario, "bare").client.unwrap().netem, Some(PathNetem::default()));
    let plan = |stages: &[&str]| {
        let stages = stages.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(&scenario, &Options { stages, ..Options::default() }).unwrap()
    };
    assert!(plan(&[]).is_netem() && plan(&["bare"]).is_netem() && !plan(&["startup"]).is_netem());
    let words = plan(&[]).to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("10ms each way (round trip 20ms), 1% of the packets lost, by netem in overhead"), "{words}");
}

#[test]
fn netem_is_refused_where_it_does_not_reach() {
    let netem = "[network]\nnetem = true\nclient = { delay = \"1ms\" }\n";
    let found = |text: &str, words: &[&str]| {
        let found = mistakes(text, &[]);
        assert!(found.iter().any(|mistake| words.iter().all(|word| mistake.contains(word))), "{words:?}: {found:#?}");
    };
    let good = with(netem);
    assert_eq!(mistakes(&good, &[]), Vec::<String>::new());
    let container = good.replace("[target.process]", "[target.container]\nimage = \"x\"");
    found(
        &container,
        &["target.container", "network namespace of its engine", "start the program with [target.process]"],
    );
    let start = good.find("[target.process]").unwrap();
    let end = good.find("[target.endpoints]").unwrap();
    let external = format!("{}[target.external]\nport = 8080\n{}", &good[..start], &good[end..]);
    found(&external, &["target.external", "runs already, in the network of the host"]);
    let url = good.replace("[upstream.builtin]", "[upstream]\nurl = \"http://127.0.0.1:9\"");
    found(&url, &["upstream.url", "write [upstream.builtin]"]);
    found(
        &format!("{good}[stage.own]\nkind = \"overhead\"\nnetwork = {{ netem = true }}\n"),
        &["stage.own.network.netem", "holds for all stages"],
    );
    found(&format!("{good}[matrix]\n\"network.netem\" = [true, false]\n"), &["network.netem", "one network namespace"]);
}
