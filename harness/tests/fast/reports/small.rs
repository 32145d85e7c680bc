//! The small formats: badges, JUnit, OpenMetrics, github-action-benchmark, release notes and QNet's summary.

use harness::verdict::judgement::Ground;
use std::collections::{BTreeMap, BTreeSet};

use harness::measure::metric::{Better, Unit};
use harness::report::{Artifacts, write};
use harness::verdict::context::{Against, Past};
use harness::verdict::evidence::Evidence;
use harness::verdict::judgement::{Finding, FindingKind, Topic, Value as Measure, Weighed};
use harness_base::exit::Exit;
use harness_stats::Interval;
use serde_json::Value;

use super::*;

/// Name and content of every badge.
fn badges(record: &Record, judgement: &Judgement) -> BTreeMap<String, String> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("harness-badges-{}-{number}", std::process::id()));
    let summary = Summary::new(record, judgement).writing(Artifacts::named(&["badges"]).unwrap());
    write(&summary, &folder).unwrap();
    let files = std::fs::read_dir(folder.join("badges")).unwrap().map(|entry| entry.unwrap());
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    let found = files.map(read).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    found
}

fn json_names(badges: &BTreeMap<String, String>) -> Vec<&str> {
    badges.keys().filter_map(|name| name.strip_suffix(".json")).collect()
}

#[test]
fn badges_look_as_they_did() {
    let record = sample::record();
    let claims = [claim("overhead/latency_p50", true, 2.0), claim("memory/idle_rss", true, 20e6)];
    let found = badges(&record, &judged(&record, &claims));
    let names = ["binary-size", "idle-rss", "overhead-p50", "overhead-p99", "rps", "startup", "verdict"];
    assert_eq!(json_names(&found), names);
    for (name, content) in &found {
        matches_file(&format!("tests/snapshots/badges/{name}"), content);
    }
    let color = |name: &str| serde_json::from_str::<Value>(&found[name]).unwrap()["color"].clone();
    assert_eq!(color("overhead-p50.json"), "brightgreen");
    assert_eq!(color("idle-rss.json"), "red");
    assert_eq!(color("startup.json"), "blue", "there is no claim about it");
}

#[test]
fn results_that_must_not_be_published_have_no_badge() {
    let invalid = with_invalid_overhead();
    let found = badges(&invalid, &judged(&invalid, &[]));
    assert_eq!(json_names(&found), ["binary-size", "idle-rss", "rps", "startup", "verdict"]);
    let verdict: Value = serde_json::from_str(&found["verdict.json"]).unwrap();
    assert_eq!((&verdict["message"], &verdict["isError"]), (&Value::from("invalid"), &Value::from(true)));
    let mut quick = sample::record();
    quick.scenario.quick = true;
    assert_eq!(json_names(&badges(&quick, &judged(&quick, &[]))), ["verdict"]);
}

/// Counts the elements by name, and returns the counts that the suite states.
fn junit(record: &Record, judgement: &Judgement) -> (String, [usize; 4]) {
    let text = rendered("junit", record, judgement);
    let counted = ["<testcase ", "<failure ", "<error ", "<skipped "].map(|element| text.matches(element).count());
    let [tests, failures, errors, skipped] = counted;
    let message = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    assert_eq!(text.matches(&message).count(), 2, "both the suite and the whole count {message}:\n{text}");
    assert_eq!(text.matches(&format!("skipped=\"{skipped}\"")).count(), 1, "the suite counts {skipped}:\n{text}");
    (text, counted)
}

#[test]
fn junit_fails_where_the_run_does_and_nowhere_else() {
    let record = sample::record();
    // Not met, not required: the run passes, so the suite does.
    let (text, [_, failures, errors, skipped]) =
        junit(&record, &judged(&record, &[claim("memory/idle_rss", true, 20e6)]));
    assert_eq!((failures, errors, skipped), (0, 0, 1), "{text}");
    let required = Claim { required: true, ..claim("memory/idle_rss", true, 20e6) };
    let (text, [_, failures, errors, _]) = junit(&record, &judged(&record, &[required]));
    assert_eq!((failures, errors), (2, 0), "the target and the verdict: {text}");
    let invalid = with_invalid_overhead();
    let (text, [_, failures, errors, _]) = junit(&invalid, &judged(&invalid, &[]));
    assert_eq!((failures, errors), (0, 2), "the stage and the verdict: {text}");
    assert!(text.contains("<error type=\"invalid\" message=\"9.90 % of the offered"));
    let mut skipping = sample::record();
    stage(&mut skipping, "capacity").status = StageStatus::Skipped(sample::died("no Docker"));
    let (text, counted) = junit(&skipping, &judged(&skipping, &[]));
    assert_eq!(counted[1..], [0, 0, 1], "{text}");
}

#[test]
fn junit_reports_a_regression_from_an_alert() {
    let record = sample::record();
    let mut judgement = judged(&record, &[]);
    let template = with_finding(&judgement);
    judgement.findings = [FindingKind::Block, FindingKind::Alert, FindingKind::Ok]
        .map(|kind| Finding { kind, ..template.clone() })
        .to_vec();
    judgement.exit = Exit::Regressed;
    judgement.grounds = vec![Ground::Finding(Finding { message: "<worse> & slower".to_owned(), ..template })];
    let (text, [_, failures, errors, skipped]) = junit(&record, &judgement);
    assert_eq!((failures, errors, skipped), (2, 0, 1), "{text}");
    assert!(text.contains("<failure type=\"regression\"") && text.contains("&lt;worse&gt; &amp; slower"), "{text}");
}

/// Returns a finding about `latency/p50`, made of one that the judgement makes by itself.
fn with_finding(judgement: &Judgement) -> Finding {
    let record = sample::record();
    let claims = [claim("overhead/percent_p50", true, 10.0)];
    let found = judged(&record, &claims).findings;
    assert!(judgement.findings.is_empty());
    let message = "28 % slower than the base".to_owned();
    Finding { subject: "latency/p50".to_owned(), topic: Topic::Change, message, ..found[0].clone() }
}

/// Returns a judgement in which `latency/p50` is 28 % worse, `throughput/rps_10vu` 12 % better, with nine earlier runs.
fn compared() -> (Record, Judgement) {
    let record = sample::record();
    let mut judgement = judged(&record, &[]);
    let weighed = |unit, direction, base: f64, effect: f64| Weighed {
        evidence: Evidence::Paired,
        unit,
        direction,
        base,
        head: base * (1.0 + effect),
        difference: base * effect,
        effect: Some(effect),
        interval: Some(Interval { low: effect - 0.03, high: effect + 0.03, coverage: 0.979 }),
        p: Some(0.002),
        p_adjusted: Some(0.004),
        threshold: if effect > 0.2 { 0.25 } else { -0.10 },
        n: 10,
        seen: FindingKind::Block,
        times: 1,
        guard: false,
    };
    let block = Finding {
        kind: FindingKind::Block,
        weighed: Some(weighed(Unit::Millis, Better::Lower, 0.263, 0.28)),
        ..with_finding(&judgement)
    };
    let improved = Finding {
        topic: Topic::Change,
        subject: "throughput/rps_10vu".to_owned(),
        kind: FindingKind::Improved,
        message: "12 % more than the base".to_owned(),
        weighed: Some(weighed(Unit::PerSecond, Better::Higher, 14_500.0, 0.12)),
    };
    judgement.findings = vec![improved, block];
    let past = Past {
        id: "latency/p50".to_owned(),
        unit: Unit::Millis,
        source: None,
        rounds: vec![0.263; 6],
        history: vec![0.26, 0.27, 0.25, 0.26, 0.28, 0.26, 0.25, 0.27, 0.263],
        direct: None,
        advisory: None,
    };
    judgement.context.against = Some(Against { name: "main".to_owned(), metrics: vec![past], ..Against::default() });
    (record, judgement)
}

#[test]
fn a_comparison_has_columns_and_a_chart_of_its_own_in_the_report() {
    let (record, judgement) = compared();
    let without = rendered("html", &record, &judged(&record, &[]));
    assert!(!without.contains("<th>verdict</th>") && !without.contains("data-chart=\"changes\""));
    let html = rendered("html", &record, &judgement);
    for text in
        ["<th>verdict</th>", "0.263 ms", "+28.0 % [+25.0, +31.0]", "28 % slower than the base", "<svg class=\"spark\""]
    {
        assert!(html.contains(text), "{text} is missing");
    }
    let from = html.find("data-chart=\"changes\"").unwrap();
    let figure = &html[from..from + html[from..].find("</figure>").unwrap()];
    matches_file("tests/snapshots/changes.html", &format!("<figure {figure}</figure>\n"));
    assert_eq!(figure.matches("<circle ").count(), 2, "{figure}");
    let x = |class: &str| -> f64 {
        let from = figure.find(&format!("<circle class=\"{class}\" cx=\"")).unwrap()
            + "<circle class=\"\" cx=\"".len()
            + class.len();
        figure[from..].split('"').next().unwrap().parse().unwrap()
    };
    assert!(x("block") > x("improved"), "what got worse stands right of what got better, whichever way is better");
    assert!(figure.find("latency/p50").unwrap() < figure.find("throughput/rps_10vu").unwrap(), "the worst comes first");
}

#[test]
fn a_comparison_is_reported_in_release_notes_and_in_the_summary_for_qnet() {
    let (record, judgement) = compared();
    let notes = rendered("release-notes", &record, &judgement);
    assert!(
        notes.contains("| Throughput | 16,200 req/s [16,000, 16,400] | +12.0 % [+9.0, +15.0] (improved) |"),
        "{notes}"
    );
    assert!(notes.contains("| Latency p95 | 0.569 ms [0.562, 0.575] | n/a |"), "{notes}");
    let summary = rendered("perf-summary", &record, &judgement);
    assert!(summary.contains("- latency/p50: 28 % slower than the base\n"), "{summary}");
}

#[test]
fn openmetrics_has_base_units_and_whole_families() {
    let mut record = sample::record();
    record.scenario.name = "a\"b\\c\nd".to_owned();
    let judgement = judged(&record, &[]);
    let text = rendered("openmetrics", &record, &judgement);
    assert!(text.ends_with("\n# EOF\n"));
    let p50 = judgement.metric("latency/p50").unwrap().estimate().unwrap().point;
    let line =
        text.lines().find(|line| line.starts_with("harness_latency_seconds{") && line.contains("quantile=\"0.5\""));
    let line = line.unwrap();
    assert!(line.contains(r#"scenario="a\"b\\c\nd",stage="overhead""#), "{line}");
    let found: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((found * 1e3 / p50 - 1.0).abs() < 1e-8, "{line}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    assert!(samples.clone().filter(|line| line.contains("commit=")).all(|line| line.starts_with("harness_run_info{")));
    let mut families: Vec<&str> = samples.filter_map(|line| line.split('{').next()).collect();
    families.dedup();
    let once: BTreeSet<&str> = families.iter().copied().collect();
    assert_eq!(once.len(), families.len(), "a family is interrupted by another: {families:?}");
    let measured = judgement.metrics.iter().filter(|metric| metric.estimate().is_some()).count();
    let stages = record.stages.len();
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), measured + stages + 3);
}

#[test]
fn benchmark_files_split_the_metrics_by_direction() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let [smaller, bigger] = ["gab-smaller", "gab-bigger"]
        .map(|name| serde_json::from_str::<Vec<Value>>(&rendered(name, &record, &judgement)).unwrap());
    let measured = judgement.metrics.iter().filter(|metric| metric.estimate().is_some()).count();
    assert_eq!(smaller.len() + bigger.len(), measured);
    assert_eq!(bigger[0]["name"], "throughput/rps_10vu");
    let p50 = smaller.iter().find(|entry| entry["name"] == "overhead/latency_p50").unwrap();
    assert!(p50["range"].as_str().unwrap().starts_with("[0.1") && p50["value"].is_number(), "{p50}");
    let mut odd = judgement.clone();
    if let Measure::Estimated { estimate, .. } = &mut odd.metrics[0].value {
        estimate.point = f64::INFINITY;
    }
    let left: Vec<Value> = serde_json::from_str(&rendered("gab-smaller", &record, &odd)).unwrap();
    assert_eq!(left.len(), smaller.len() - 1, "infinity has no form in JSON");
}

#[test]
fn a_sentence_is_said_only_when_the_whole_interval_keeps_it() {
    let record = sample::record();
    let mut judgement = judged(&record, &[]);
    let said = |record: &Record, judgement: &Judgement| {
        let text = rendered("release-notes", record, judgement);
        text.lines().filter(|line| line.starts_with("- ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let found = said(&record, &judgement);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("- Adds < 2 ms p50 latency overhead (latency_p50 0.184 ms ["), "{found:?}");
    assert!(found.iter().all(|line| !line.contains("20 MB")), "31.6 MiB at idle are more than 20 MB");
    let overhead = judgement.metrics.iter_mut().find(|metric| metric.id == "overhead/latency_p50").unwrap();
    if let Measure::Estimated { estimate, .. } = &mut overhead.value {
        // The point keeps the claim, the interval's end does not.
        estimate.interval.as_mut().unwrap().high = 2.0;
    }
    assert_eq!(said(&record, &judgement).len(), 2);
    let mut quick = record;
    quick.scenario.quick = true;
    assert!(said(&quick, &judgement).is_empty());
}

#[test]
fn only_a_claim_that_is_met_has_a_checked_box_in_the_summary_for_qnet() {
    let record = sample::record();
    let claims =
        [claim("latency/p50", true, 5.0), claim("latency/p95", true, 0.001), claim("policy/eval_p50", true, 100.0)];
    let text = rendered("perf-summary", &record, &judged(&record, &claims));
    let boxes: Vec<&str> = text.lines().filter(|line| line.starts_with("- [")).collect();
    assert_eq!(boxes.len(), 3, "{text}");
    assert!(boxes[0].starts_with("- [x] latency/p50 ") && boxes[0].contains(": met, "), "{boxes:?}");
    assert!(boxes[1].starts_with("- [ ] latency/p95 ") && boxes[1].contains(": not met, "), "{boxes:?}");
    assert!(boxes[2].starts_with("- [ ] policy/eval_p50 ") && boxes[2].contains(": absent, "), "{boxes:?}");
    assert!(rendered("perf-summary", &record, &judged(&record, &[])).contains("states no claims"));
}

#[test]
fn the_summary_for_qnet_never_calls_silence_a_pass() {
    let mut record = sample::record();
    record.git = None;
    let text = rendered("perf-summary", &record, &judged(&record, &[]));
    assert!(text.contains("Nothing was compared in this run.") && text.contains("None was looked for"), "{text}");
    assert!(text.contains("- commit: not known\n") && text.contains("- CPU governor: not known\n"), "{text}");
}
