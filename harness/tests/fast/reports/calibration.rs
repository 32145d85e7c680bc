//! Shows the calibration of a record in reports.

use harness::measure::Calibration;
use harness::measure::ToolFacts;
use harness::measure::calibration::{BoundBy, Ceiling, Figure, InstanceScatter, NoiseFloor, Resolution};

use harness_base::units::Rate;

use super::*;

/// Returns the sample record with a calibration of its host.
fn calibrated(change: impl FnOnce(&mut Calibration)) -> Record {
    let mut record = sample::record();
    let figure = |point, ends| Figure { point, ends: Some(ends), n: 33 };
    let resolution = |seconds: u64, rounds, instances, overhead_ns| Resolution {
        measuring_ns: seconds * 1_000_000_000,
        rounds,
        instances,
        overhead_ns,
    };
    let mut found = Calibration {
        schema_version: 2,
        taken_at: "2026-11-19T20:00:00Z".to_owned(),
        tool: record.tool.clone(),
        host: record.host.clone(),
        fingerprint: record.host.fingerprint(),
        noise_floor: Some(NoiseFloor {
            difference_ns: figure(-1_000.0, [-4_000.0, 2_000.0]),
            resolves: Vec::new(),
            rate: Rate(1_000.0),
            connections: 10,
            window_ns: 1_000_000_000,
            round_ns: 2_500_000_000,
            p50_ns: figure(150_000.0, [149_000.0, 151_000.0]),
            scatter_ns: 9_000.0,
            least_ns: 500.0,
        }),
        instances: Some(InstanceScatter {
            overhead_ns: figure(70_000.0, [66_000.0, 74_000.0]),
            resolves: vec![
                resolution(10, 16, 1, 12_345.0),
                resolution(60, 92, 7, 4_820.0),
                resolution(600, 990, 10, 1_520.0),
            ],
            rate: Rate(1_000.0),
            connections: 10,
            window_ns: 200_000_000,
            round_ns: 600_000_000,
            between_ns: 1_000.0,
            within_ns: 6_000.0,
        }),
        ceiling: Some(Ceiling {
            rate_per_second: figure(53_210.0, [53_000.0, 53_400.0]),
            bound: BoundBy { by: "generator".to_owned(), ..BoundBy::default() },
            ..Ceiling::default()
        }),
        ..Calibration::default()
    };
    change(&mut found);
    record.calibration = Some(found);
    record
}

/// Returns the summary at the terminal, that of Markdown and the page, each without its line breaks.
fn shown(record: &Record) -> [String; 3] {
    let judgement = judged(record, &[]);
    ["table", "markdown", "html"]
        .map(|name| rendered(name, record, &judgement).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn all_say(record: &Record, sentence: &str) {
    for shown in shown(record) {
        assert!(shown.contains(sentence), "{sentence}\n{shown}");
    }
}

#[test]
fn the_resolution_is_shown_beside_the_host() {
    all_say(
        &calibrated(|_| ()),
        "this host resolves overheads of ±12.3 µs in 10 s, ±4.82 µs in 60 s, ±1.52 µs in 10 min; generator and bundled upstream \
         reach 53,200 req/s, bounded by generator; measured on 2026-11-19",
    );
    assert!(shown(&sample::record()).iter().all(|shown| !shown.contains("calibrat")), "nothing where there is none");
}

#[test]
fn reasons_to_distrust_a_calibration_are_reported() {
    all_say(
        &calibrated(|found| {
            found.quick = true;
            found.overrides = vec!["stage.noise.rate=500/s".to_owned()];
            found.noise_floor.as_mut().unwrap().difference_ns.ends = Some([-4_000.0, -100.0]);
        }),
        "±1.52 µs in 10 min (direct against direct differs by -1.00 µs); generator and bundled upstream reach 53,200 req/s, \
         bounded by generator; measured on 2026-11-19, quick, with stage.noise.rate=500/s",
    );
}

#[test]
fn one_of_another_host_or_build_is_not_used() {
    let other = calibrated(|found| found.host.cpus = 8);
    all_say(
        &other,
        "not calibrated: the calibration of 2026-11-19 is of another host (CPUs: 2 CPUs, there 8 CPUs), so it is not used; \
         measure with: harness calibrate",
    );
    let debug = calibrated(|found| found.tool = ToolFacts { profile: "debug".to_owned(), ..found.tool.clone() });
    all_say(&debug, "is of a debug build of the harness, and this is a release build, so it is not used");
    for record in [other, debug] {
        assert!(shown(&record).iter().all(|shown| !shown.contains("resolves overheads")));
    }
}
