//! Stage `approval`, and the foreign hosts that it needs.

use super::*;
use harness::stages::approval::work::Work as Approval;
use harness_rig::target::spec::{EgressAnswers, EgressHost};

const STAGE: &str = "[stage.approval]\n";
const SLACK: &str = "[egress.slack]\nbuiltin = \"slack\"\n";

/// Returns a scenario with `egress` before its first table.
fn with(egress: &str, stage: &str) -> String {
    let top = if egress.starts_with('[') { String::new() } else { format!("{egress}\n") };
    let tables = if egress.starts_with('[') { egress } else { "" };
    format!("{top}{}\n{tables}\n{stage}\n", GOOD.trim_start())
}

fn named(egress: &str, stage: &str) -> String {
    mistakes(&with(egress, stage), &[]).join("\n")
}

fn work(egress: &str, stage: &str) -> (Approval, Vec<EgressHost>) {
    let found = good(&with(egress, stage), &[]);
    match found.stages.into_iter().find(|stage| stage.name == "approval").unwrap().work {
        Work::Approval(work) => (work, found.egress),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_short_form_is_that_of_the_bundled_host() {
    let (short, long) = (work("egress = \"builtin:slack\"", STAGE), work(SLACK, STAGE));
    assert_eq!(short, long);
    let (work, hosts) = long;
    assert_eq!((work.egress.as_str(), work.launches, work.count, work.rate), ("slack", 6, 10, Rate(2.0)));
    assert_eq!(work.approve_after, Nanos::from_secs(1));
    assert_eq!(hosts[0].answers, EgressAnswers::Slack { reaction: "+1".to_owned() });
    assert_eq!((hosts[0].host.as_str(), hosts[0].direct), ("slack.com", false));
    assert!(named("egress = \"builtin:teams\"", STAGE).contains("must be one of builtin:slack"));
}

#[test]
fn routes_are_read_in_their_order() {
    let own = "[egress.own]\nhost = \"API.example.com\"\n[egress.own.routes]\n\
        \"POST /ask\" = { status = 201, json = { id = 7 }, asks = true }\n\"GET /state\" = { approved = { ok = true } }\n";
    let (_, hosts) = work(own, STAGE);
    assert_eq!(hosts[0].host, "api.example.com");
    let EgressAnswers::Routes(routes) = &hosts[0].answers else { panic!("routes") };
    let read: Vec<_> = routes.iter().map(|route| (route.method.as_str(), route.path.as_str(), route.status)).collect();
    assert_eq!(read, [("POST", "/ask", 201), ("GET", "/state", 200)]);
    assert!(routes[0].asks && !routes[1].asks && routes[1].approved.is_some());
}

#[test]
fn a_host_that_cannot_be_played_is_refused() {
    for (egress, words) in [
        ("[egress.a]\nhost = \"127.0.0.1\"\nroutes = {}\n", "is not a DNS name"),
        ("[egress.a]\nhost = \"a b\"\nroutes = {}\n", "is not a DNS name"),
        ("[egress.a]\nroutes = {}\n", "host: is missing"),
        ("[egress.a]\nhost = \"a.test\"\n", "needs one of builtin, routes"),
        ("[egress.a]\nhost = \"a.test\"\nroutes = { \"/ask\" = {} }\n", "is not a route"),
        ("[egress.a]\nhost = \"a.test\"\nroutes = { \"GET /a?b\" = {} }\n", "is not a route"),
        ("[egress.a]\nhost = \"a.test\"\nroutes = { \"GET /a\" = { status = 100 } }\n", "must be from 200 to 599"),
        ("[egress.a]\nhost = \"a.test\"\nreaction = \"x\"\nroutes = {}\n", "is part of builtin"),
        ("[egress.a]\nbuiltin = \"slack\"\n[egress.b]\nbuiltin = \"slack\"\n", "is that of [egress.a] already"),
        ("[egress.a]\nbuiltin = \"slack\"\ndirect = true\n", "only a container can be directed"),
    ] {
        let found = named(egress, "");
        assert!(found.contains(words), "{egress}: {found}");
    }
    assert!(named("", "[target.process.env]\nA = \"{egress.proxy}\"\n").contains("{egress.proxy} has no meaning"));
}

#[test]
fn the_stage_needs_a_host_that_can_be_asked_and_a_timeout_beyond_its_approval() {
    assert!(named("", STAGE).contains("needs a foreign host that is asked for approval"));
    let silent = "[egress.a]\nhost = \"a.test\"\nroutes = { \"GET /a\" = {} }\n";
    assert!(named(silent, STAGE).contains("needs a foreign host that is asked for approval"));
    assert!(named(SLACK, "[stage.approval]\negress = \"slak\"\n").contains("did you mean \"slack\"?"));
    let two = format!("{SLACK}[egress.b]\nhost = \"b.test\"\nroutes = {{ \"POST /a\" = {{ asks = true }} }}\n");
    assert!(named(&two, STAGE).contains("several foreign hosts can be asked"));
    assert_eq!(work(&two, "[stage.approval]\negress = \"b\"\n").0.egress, "b");
    let late = format!("{SLACK}approve_after = \"1h\"\n");
    assert!(named(&late, STAGE).contains("the approval is given after 1h"));
    assert!(named(SLACK, "[stage.approval]\ncount = 0\n").contains("must be at least 1"));
}

#[test]
fn the_plan_names_hosts_and_approvals() {
    let found = good(&with(SLACK, STAGE), &[]);
    let plan = Plan::new(&found, &Options::default()).unwrap().to_string();
    assert!(plan.contains("slack.com (the API of Slack, approves after 1s)"), "{plan}");
    let flat = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("6 launches, each with 10 requests at 2/s, one at a time; slack approves them after 1s"),
        "{plan}"
    );
    let quick = Plan::new(&found, &Options { quick: true, ..Options::default() }).unwrap().to_string();
    assert!(quick.contains("each with 3 requests"), "{quick}");
}
