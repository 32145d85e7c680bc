//! `[scrape.NAME]` and `[log.NAME]`.

use super::*;
use harness::measure::scraped::How;
use harness::work::reported::OnLaunch;

fn with(lines: &str) -> String {
    format!("{GOOD}{lines}\n")
}

const URL: &str = "url = \"http://127.0.0.1:{port.admin}/metrics\"\n";

#[test]
fn what_is_read_comes_behind_the_stage_that_it_describes() {
    let text = with(&format!(
        "[stage.startup]\n[scrape.a]\n{URL}labels = {{ decision = \"permit\" }}\n[scrape.a.metrics]\n\
         \"policy/eval_mean\" = {{ histogram = \"x_ms\" }}\n\"policy/eval_p99\" = {{ histogram = \"x_ms\", labels = {{ a = \"b\" }} }}\n\
         \"scrape/time@queue\" = {{ histogram = \"wait_seconds\", quantile = 0.9 }}\n\
         \"startup/policy_load\" = {{ gauge = \"load\", unit = \"s\" }}\n[targets]\n\"policy/eval_mean\" = {{ limit = \"< 100us\" }}\n\
         \"policy/eval_p99\" = {{ limit = \"< 500us\" }}\n\"startup/policy_load\" = {{ limit = \"< 50ms\" }}\n"
    ));
    let plan = Plan::new(&good(&text, &[]), &Options::default()).unwrap();
    let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["overhead", "scrape", "queue", "capacity", "startup"]);
    assert_eq!(plan.claims.len(), 3);
    let windows = &plan.stages[0].reports.windows;
    let found: Vec<_> = windows
        .iter()
        .flat_map(|(_, reads)| reads)
        .map(|read| (read.asked.metric.as_str(), read.asked.how, read.asked.factor, read.asked.labels.len()))
        .collect();
    let expected = [
        ("policy/eval_mean", How::Mean, 1e3, 1),
        ("policy/eval_p99", How::Quantile(0.99), 1e3, 2),
        ("scrape/time", How::Quantile(0.9), 1e6, 1),
    ];
    assert_eq!(found, expected);
    let Some(OnLaunch::Gauge(read)) = &plan.stages[4].reports.on_launch else { panic!("{:?}", plan.stages[4]) };
    assert_eq!((read.endpoint.as_str(), read.asked.factor), ("scrape.a.url", 1e3));
    assert_eq!(plan.target.endpoints.others[0].0, "scrape.a.url");
    assert!(plan.to_string().contains("reads x_ms as policy/eval_mean"), "{plan}");
}

#[test]
fn a_line_of_the_log_has_a_unit() {
    let text = with("[stage.startup]\n[log.load]\npattern = \"loaded in (?P<us>[0-9]+) us\"");
    let plan = Plan::new(&good(&text, &[]), &Options::default()).unwrap();
    let startup = plan.stages.iter().find(|stage| stage.name == "startup").unwrap();
    let Some(OnLaunch::Line(line)) = &startup.reports.on_launch else { panic!("{startup:?}") };
    assert_eq!((line.group.as_str(), line.factor), ("us", 1e-3));
}

#[test]
fn mistakes_are_reported_with_what_to_do() {
    let one = |lines: &str| mistakes(&with(lines), &[]).join("\n");
    let metrics = |metrics: &str| one(&format!("[scrape.a]\n{URL}metrics = {{ {metrics} }}"));
    for (metric, message) in [
        ("\"policy/eval_mea\" = { histogram = \"x_ms\" }", "write policy/eval_mean"),
        ("\"scrape/time\" = { histogram = \"x_ms\" }", "write scrape/time@NAME"),
        ("\"policy/eval_mean\" = { histogram = \"x\" }", "does not end in a unit"),
        ("\"policy/eval_mean\" = { counter = \"x_ms\", per = \"request\" }", "without quantile"),
        ("\"policy/eval_p50\" = { histogram = \"x_ms\", quantile = 0.9 }", "no other quantile"),
        ("\"scrape/per_request@x\" = { counter = \"x_total\" }", "write per = \"request\""),
        ("\"scrape/value@x\" = { gauge = \"x\", unit = \"ms\" }", "is no time"),
        ("\"scrape/value@x\" = { gauge = \"x\", quantile = 0.5 }", "has no meaning for a gauge"),
        ("\"scrape/value@x\" = { gauge = \"x y\" }", "is not a valid name of a metric"),
        ("\"scrape/value@x\" = { gauge = \"x\", counter = \"y\" }", "only one of"),
        ("\"scrape/value@capacity\" = { gauge = \"x\" }", "capacity is the name of a stage"),
        ("\"startup/policy_load\" = { gauge = \"x_ms\" }", "add [stage.startup]"),
        ("\"startup/policy_load\" = { histogram = \"x_ms\" }", "write gauge = \"NAME\""),
    ] {
        let found = metrics(metric);
        assert!(found.contains(message), "{metric}: {found}");
    }
    let of = "\"policy/eval_mean\" = { histogram = \"x_ms\" }";
    let found = one(&format!("[scrape.a]\n{URL}stage = \"overhea\"\nmetrics = {{ {of} }}"));
    assert!(found.contains("did you mean stage = \"overhead\"?"), "{found}");
    let found = one(&format!("[scrape.a]\nurl = \"http://example.com/metrics\"\nmetrics = {{ {of} }}"));
    assert!(found.contains("scrape.a.url"), "{found}");
    let found = one("[stage.startup]\n[log.a]\npattern = \"loaded\"");
    assert!(found.contains("has no group that is named"), "{found}");
    let found = one("[stage.startup]\n[log.a]\npattern = \"(?P<ms>\"");
    assert!(found.contains("is not a regular expression"), "{found}");
    let twice = "[stage.startup]\n[log.a]\npattern = \"(?P<ms>.*)\"\n[log.b]\npattern = \"(?P<s>.*)\"";
    assert!(one(twice).contains("is read at log.a already"), "{}", one(twice));
}

#[test]
fn a_metric_that_an_import_has_too_is_claimed_where_it_is_measured() {
    let lines = format!(
        "[import.criterion]\ndir = \"c\"\nnames = {{ \"policy/reload\" = \"policy/reload_time\" }}\n[scrape.a]\n{URL}\
         metrics = {{ \"policy/eval_p50\" = {{ histogram = \"x_ms\" }} }}\n[targets]\n\"policy/eval_p50\" = {{ limit = \"< 100us\" }}"
    );
    let plan = Plan::new(&good(&with(&lines), &[]), &Options::default()).unwrap();
    assert_eq!(plan.claims.len(), 1);
    let twice = mistakes(&with(&lines.replace("policy/reload_time", "policy/eval")), &[]).join("\n");
    assert!(twice.contains("measures policy/eval_p50, and so does import"), "{twice}");
}
