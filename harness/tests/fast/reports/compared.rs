//! Shows changes against a base: as they look at the terminal, in Markdown and in `verdict.json`.

use harness::measure::record::BuildFacts;
use harness::measure::trial::Build;
use harness::measure::{InstanceFacts, Reading};
use harness::report::schema;
use harness::verdict::Stored;
use harness::verdict::context::{Against, Context, Past};
use harness::verdict::judgement::FindingKind;
use serde_json::Value;

use super::formats::valid;
use super::*;

/// Returns the readings of an idle window.
fn readings_of(facts: &mut InstanceFacts) -> impl Iterator<Item = &mut Reading> {
    let readings = match facts {
        InstanceFacts::Idle(idle) => idle.readings.as_mut(),
        _ => None,
    };
    readings.into_iter().flat_map(|readings| &mut readings.0)
}

/// Returns the sample with a base beside it whose launches are ready in three quarters of the time and which weighs two
/// MiB more.
fn two_builds() -> Record {
    let mut record = sample::record();
    let base = BuildFacts {
        build: Build::Base,
        program: "/opt/thoughtgate/bin/before".to_owned(),
        ..record.targets[0].clone()
    };
    record.targets.insert(0, base);
    for stage in &mut record.stages {
        let mut others = stage.instances.clone();
        for instance in &mut others {
            instance.build = Build::Base;
            instance.launch.ready_ns = instance.launch.ready_ns.map(|ns| ns / 4 * 3);
            readings_of(&mut instance.facts)
                .filter_map(|reading| reading.target.as_mut())
                .for_each(|tree| tree.rss_bytes += 8 << 20);
            let trials = instance.rounds.iter_mut().flat_map(|round| &mut round.trials);
            trials.for_each(|trial| trial.build = Build::Base);
        }
        stage.instances.extend(others);
    }
    record
}

#[test]
fn two_builds_look_as_they_did() {
    let record = two_builds();
    let judgement = judged(&record, &[]);
    let of = |id: &str| judgement.findings.iter().find(|finding| finding.subject == id).unwrap().kind;
    assert_eq!((of("startup/to_ready"), of("memory/idle_rss")), (FindingKind::Block, FindingKind::Improved));
    assert_eq!((of("latency/p50"), of("binary/size")), (FindingKind::Ok, FindingKind::Ok));
    let text = rendered("table", &record, &judgement);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    matches_file("tests/snapshots/compared.txt", &text);
    matches_file("tests/snapshots/compared.md", &rendered("markdown", &record, &judgement));
    let json: Value = serde_json::from_str(&rendered("json", &record, &judgement)).unwrap();
    valid(schema::VERDICT, &json).unwrap();
    assert_eq!(json["compared_with"], "base /opt/thoughtgate/bin/before: paired A/B on one host");
    assert_eq!((json["exit_code"].as_i64(), json["verdict"].as_str()), (Some(3), Some("REGRESSED")));
    let stored = serde_json::to_value(Stored::new(record, judgement).unwrap()).unwrap();
    valid(schema::RESULT, &stored).unwrap();
}

#[test]
fn a_stored_base_its_caps_and_its_absence_are_reported() {
    let record = sample::record();
    let plain = judged(&record, &[]);
    let past = |metric: &harness::verdict::judgement::Measured| {
        let point = metric.estimate()?.point;
        let rounds = (0..10).map(|round| point * (0.66 + 0.004 * f64::from(round))).collect();
        Some(Past {
            id: metric.id.clone(),
            unit: metric.unit,
            source: metric.source,
            rounds,
            history: vec![point * 0.68],
            direct: None,
            advisory: None,
        })
    };
    let against = Against {
        name: "main".to_owned(),
        run_id: "20261119T020000Z-77aa".to_owned(),
        started_at: "2026-11-19T02:00:00Z".to_owned(),
        sha: Some("0123456789abcdef".to_owned()),
        caps: vec!["the hosts differ (AMD EPYC 7763; Intel Xeon)".to_owned()],
        reference: None,
        elsewhere: None,
        metrics: plain.metrics.iter().filter(|metric| metric.stage == "startup").filter_map(past).collect(),
    };
    let context = Context { against: Some(against), override_reason: Some("known".to_owned()), ..Context::default() };
    let judgement = judge(&record, &[], Options { context, ..Options::default() });
    let text = rendered("table", &record, &judgement);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "compared with baseline main (20261119T020000Z-77aa, 0123456789): rounds of two stored runs; ",
        "nothing sampled is more than an alert: the hosts differ (AMD EPYC 7763; Intel Xeon)",
        "blocks are let pass: known",
        "a threshold, in fewer runs in a row than an alert needs",
        "memory/idle_rss: baseline main does not have it",
    ] {
        assert!(flat.contains(part), "{part}\n{text}");
    }
    let json: Value = serde_json::from_str(&rendered("json", &record, &judgement)).unwrap();
    valid(schema::VERDICT, &json).unwrap();
    assert_eq!(json["override_reason"], "known");
    let none = Context { no_baseline: Some("none is stored".to_owned()), ..Context::default() };
    let judgement = judge(&record, &[], Options { context: none, ..Options::default() });
    let text = rendered("table", &record, &judgement);
    assert!(
        text.contains("compared with nothing; 1 inconclusive\ninconclusive\n  baseline: no baseline: none is stored\n"),
        "{text}"
    );
}
