//! Judges soaks from made-up windows.

use harness::measure::InstanceFacts;
use harness::measure::Pace;
use harness::measure::Quantiles;
use harness::measure::journal::{JournalLine, replay};
use harness::measure::outcome::Outcomes;
use harness::measure::reason::{Cause, Failure};
use harness::measure::record::{InstanceRecord, Record, SCHEMA_VERSION, StageRecord, StageStatus};
use harness::report::Summary;
use harness::stages::soak::facts::{Budget, Floors, Instance, Level, Quantity, SoakWindow, Stage};
use harness::stages::soak::judge::{Judged as Soak, Trend, TrendState};
use harness::verdict::judgement::{FindingKind, Judgement};
use harness::verdict::stage::Detail;
use harness::verdict::{FailOn, Options, judge};
use harness_base::exit::Exit;
use harness_base::units::Rate;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SECOND: u64 = 1_000_000_000;
const MIB: f64 = 1024.0 * 1024.0;
const DAY: f64 = 86_400.0;

/// Makes one window per second; `memory` in bytes, `descriptors` as a number, p99 in milliseconds.
fn windows(
    n: u64,
    memory: impl Fn(f64) -> f64,
    descriptors: impl Fn(f64) -> f64,
    p99: impl Fn(f64) -> f64,
) -> Vec<SoakWindow> {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut noise = || random.random_range(-1.0..1.0);
    let window = |index: u64| {
        let at = index as f64;
        let level = |value: f64| Some(Level { trough: value as u64, peak: value as u64 + 10 });
        let bytes = memory(at) + 0.3 * MIB * noise();
        let ok = (500.0 + 5.0 * noise()) as u64;
        let ns = (p99(at) * (1.0 + 0.1 * noise()) * 1e6) as u64;
        SoakWindow {
            index,
            from_ns: (5 + index) * SECOND,
            length_ns: SECOND,
            whole: true,
            ok,
            outcomes: Some(Outcomes { ok, ..Outcomes::default() }),
            response: Some(Quantiles { count: ok, p50_ns: ns / 3, p90_ns: ns, p95_ns: ns, p99_ns: ns, max_ns: ns }),
            processes: 1,
            rss: level(bytes + 2.0 * MIB),
            pss: level(bytes),
            descriptors: level(descriptors(at)),
            threads: level(4.0),
            cpu_ns: Some(90_000_000),
            ..SoakWindow::default()
        }
    };
    (0..n).map(window).collect()
}

fn record(windows: Vec<SoakWindow>) -> Record {
    let budget = Budget {
        memory_bytes_per_day: 50.0 * MIB,
        descriptors_per_day: 100.0,
        threads_per_day: 10.0,
        p99_ratio: 0.5,
        rate_ratio: 0.05,
    };
    let min_abs = Floors { memory_bytes: 8 << 20, descriptors: 20, threads: 4, p99_ns: 1_000_000 };
    let stage = StageRecord {
        name: "soak".to_owned(),
        status: StageStatus::Valid,
        offered: Some(Pace::constant(Rate(500.0))),
        facts: Stage { window_ns: SECOND, warmup_ns: 5 * SECOND, budget, min_abs }.into(),
        wanted: 60,
        instances: vec![InstanceRecord {
            facts: Instance { died_ns: None, windows }.into(),
            ..InstanceRecord::default()
        }],
        ..StageRecord::default()
    };
    Record { schema_version: SCHEMA_VERSION, run_id: "r".to_owned(), stages: vec![stage], ..Record::default() }
}

fn judged(record: &Record) -> Judgement {
    judge(record, &[], Options::default())
}

fn clean(n: u64) -> Vec<SoakWindow> {
    windows(n, |_| 30.0 * MIB, |_| 24.0, |_| 2.0)
}

fn leaking(n: u64) -> Vec<SoakWindow> {
    windows(n, |at| (30.0 + 0.5 * at) * MIB, |at| 24.0 + at, |_| 2.0)
}

fn shown(judgement: &Judgement) -> &Soak {
    match judgement.details().next() {
        Some(Detail::Soak(soak)) => soak,
        other => panic!("{other:?}"),
    }
}

/// Returns the facts of the instance of a soak.
fn instance(record: &mut Record) -> &mut Instance {
    match &mut record.stages[0].instances[0].facts {
        InstanceFacts::Soak(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn trend(judgement: &Judgement, quantity: Quantity) -> &Trend {
    let soak = shown(judgement);
    soak.of(quantity).unwrap_or_else(|| panic!("no {quantity:?}: {soak:#?}"))
}

#[test]
fn a_leak_is_a_block_with_its_size() {
    let found = judged(&record(leaking(60)));
    assert_eq!(found.exit, Exit::Regressed, "{:?}", found.reasons());
    for (quantity, truth) in [(Quantity::Memory, 0.5 * MIB * DAY), (Quantity::Descriptors, DAY)] {
        let trend = trend(&found, quantity);
        assert!((trend.change.point / truth - 1.0).abs() < 0.03, "{trend:?}");
        assert!(trend.state == TrendState::Alarm && trend.smallest_seen < truth, "{trend:?}");
    }
    assert_eq!(trend(&found, Quantity::Descriptors).growth, 40.0, "from the first third's least to the last third's");
    let subjects: Vec<&str> = found.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["soak/memory_per_day", "soak/descriptors_per_day"]);
    assert!(found.findings.iter().all(|finding| finding.kind == FindingKind::Block));
    assert!(found.needs_confirmation().is_empty(), "hours are not run again at once");
    let value = found.metric("soak/memory_per_day").and_then(|metric| metric.estimate()).unwrap();
    assert_eq!(*value, trend(&found, Quantity::Memory).change);
}

#[test]
fn values_that_do_not_grow_raise_no_alarm_and_have_a_smallest_detectable_growth() {
    let found = judged(&record(clean(60)));
    assert_eq!((found.exit, found.findings.len()), (Exit::Pass, 0), "{:?}", found.findings);
    let memory = trend(&found, Quantity::Memory);
    // Noise of 0.3 MiB in a minute hides many times the budget of a day.
    assert!(memory.state == TrendState::Undecided && memory.smallest_seen > 10.0 * memory.budget, "{memory:?}");
    let threads = trend(&found, Quantity::Threads);
    // Ten more threads a day are none in a minute, so that their number stays the same proves nothing.
    assert!(threads.state == TrendState::Undecided && threads.change.point == 0.0, "{threads:?}");
    assert_eq!(threads.smallest_seen, 4.0 / 40.0 * DAY, "the floor over the time between the thirds");
    assert_eq!(trend(&found, Quantity::Rate).state, TrendState::Kept);
    // A leak of the size that it can detect is detected.
    let slope = 3.0 * memory.smallest_seen / DAY;
    let grown = judged(&record(windows(60, |at| 30.0 * MIB + slope * at, |_| 24.0, |_| 2.0)));
    assert_eq!(trend(&grown, Quantity::Memory).state, TrendState::Alarm);
}

#[test]
fn a_saw_is_no_leak_and_neither_is_a_growth_within_the_floor() {
    let saw = |at: f64| (30.0 + 16.0 * (at % 5.0)) * MIB;
    let found = judged(&record(windows(60, saw, |at| 24.0 + at % 7.0, |_| 2.0)));
    assert_eq!(found.exit, Exit::Pass, "{:?}", shown(&found));
    let slow = judged(&record(windows(60, |_| 30.0 * MIB, |at| 24.0 + (at / 4.0).floor(), |_| 2.0)));
    let descriptors = trend(&slow, Quantity::Descriptors);
    let low = descriptors.change.interval.unwrap().low;
    assert!(low > descriptors.budget && descriptors.growth <= 20.0, "{descriptors:?}");
    assert_eq!((descriptors.state, slow.exit), (TrendState::Undecided, Exit::Pass));
}

#[test]
fn a_saw_of_which_pss_misses_the_troughs_is_no_leak() {
    // PSS is read once per window, at a phase of the saw that moves: its troughs rise by 24 MiB, those of RSS do not.
    let mut record = record(windows(60, |at| (30.0 + 0.4 * at) * MIB, |_| 24.0, |_| 2.0));
    for window in &mut instance(&mut record).windows {
        window.rss = Some(Level { trough: 32 << 20, peak: 128 << 20 });
    }
    let found = judged(&record);
    let memory = trend(&found, Quantity::Memory);
    assert!(memory.change.interval.unwrap().low > memory.budget && memory.growth == 0.0, "{memory:?}");
    assert_eq!((memory.state, found.exit), (TrendState::Undecided, Exit::Pass));
}

#[test]
fn windows_that_depend_on_each_other_decide_nothing() {
    // A level that changes five times in an hour leaves about five independent windows.
    let level = |at: f64| (30.0 + 8.0 * (at / 6.0).floor() % 3.0) * MIB;
    let found = judged(&record(windows(30, level, |_| 24.0, |_| 2.0)));
    let memory = trend(&found, Quantity::Memory);
    assert!(memory.state == TrendState::Undecided && memory.independent < 5.0, "{memory:?}");
    assert!(shown(&found).message(memory).contains("windows are independent"), "{}", shown(&found).message(memory));
}

#[test]
fn a_series_with_a_hole_or_too_few_windows_is_never_a_pass() {
    let mut holes = record(clean(60));
    instance(&mut holes).windows[31].descriptors = None;
    let found = judged(&holes);
    assert_eq!(found.exit, Exit::Invalid);
    assert!(
        found.reasons()[0].contains("descriptors of the target could not be read in 1 of 60 windows"),
        "{:?}",
        found.reasons()
    );
    assert!(found.metrics.iter().all(|metric| metric.estimate().is_none()), "an invalid stage has no numbers");
    let few = judged(&record(clean(11)));
    assert_eq!(few.exit, Exit::Invalid);
    assert!(few.reasons()[0].contains("11 whole windows"), "{:?}", few.reasons());
    let mut optional = holes;
    optional.stages[0].optional = true;
    let found = judged(&optional);
    assert_eq!(
        (found.exit, found.findings[0].kind),
        (Exit::Invalid, FindingKind::Inconclusive),
        "nothing else is valid"
    );
}

#[test]
fn a_soak_that_is_cut_short_is_judged_on_what_it_has() {
    let mut died = record(leaking(36));
    let failure = Failure::new(Cause::Error(vec!["the target was OOM-killed".to_owned()]), Exit::TargetFailed);
    died.stages[0].status = StageStatus::Failed(Failure { after_ns: Some(41_200_000_000), ..failure });
    instance(&mut died).died_ns = Some(41_200_000_000);
    let found = judged(&died);
    assert_eq!(found.exit, Exit::TargetFailed);
    assert!(
        found.reasons().len() == 3 && found.reasons()[1].contains("memory (PSS) grows by"),
        "{:?}",
        found.reasons()
    );
    let course = shown(&found).course();
    assert!(course.starts_with("36 of 60 windows of 1s; the target ended by itself after 41.2 s"), "{course}");

    let mut stopped = record(clean(20));
    (stopped.interrupted, stopped.stages[0].status) = (true, StageStatus::Incomplete);
    let found = judged(&stopped);
    assert_eq!((found.exit, shown(&found).trends.len()), (Exit::Interrupted, 5));
    assert!(shown(&found).course().ends_with("stopped early and judged on the completed windows"));
    instance(&mut stopped).windows.truncate(3);
    let found = judged(&stopped);
    assert!(
        found.exit == Exit::Interrupted && shown(&found).unknown[0].contains("3 whole windows"),
        "{:?}",
        shown(&found)
    );
}

#[test]
fn decay_is_an_alert() {
    let slower = record(windows(60, |_| 30.0 * MIB, |_| 24.0, |at| 2.0 + at / 10.0));
    let found = judged(&slower);
    let p99 = trend(&found, Quantity::P99);
    assert!(p99.state == TrendState::Alarm && (p99.change.point - 118.0).abs() < 20.0, "{p99:?}");
    assert_eq!((found.exit, found.findings[0].kind), (Exit::Pass, FindingKind::Alert));
    assert_eq!(found.findings[0].subject, "soak/p99_rise");
    let strict = judge(&slower, &[], Options { fail_on: FailOn::Alert, ..Options::default() });
    assert_eq!(strict.exit, Exit::Regressed);

    let mut fewer = record(clean(60));
    for window in &mut instance(&mut fewer).windows {
        window.ok -= 2 * window.index;
    }
    let found = judged(&fewer);
    let rate = trend(&found, Quantity::Rate);
    // From 500 to 382, and 441 in the middle.
    assert!(rate.state == TrendState::Alarm && (rate.change.point - 26.8).abs() < 2.0, "{rate:?}");
}

#[test]
fn the_journal_of_a_killed_soak_has_every_window_that_ended() {
    let record = record(leaking(20));
    let lines = JournalLine::of_record(&record);
    let bytes: Vec<u8> = lines.iter().flat_map(|line| line.to_json().unwrap().into_bytes()).collect();
    assert_eq!(replay(&bytes).unwrap().record, record);
    let window = lines.iter().rposition(|line| matches!(line, JournalLine::Piece { .. })).unwrap();
    let cut: Vec<u8> = lines[..window].iter().flat_map(|line| line.to_json().unwrap().into_bytes()).collect();
    let replayed = replay(&cut).unwrap();
    assert!(!replayed.complete);
    let mut replayed = replayed.record;
    assert_eq!(instance(&mut replayed).windows.len(), 19);
    // The line that an instance has when it stopped keeps them.
    let mut stopped = record.stages[0].instances[0].clone();
    stopped.launch.killed = true;
    let line = JournalLine::instance("soak", &stopped).to_json().unwrap();
    let mut replayed = replay(&[cut, line.into_bytes()].concat()).unwrap().record;
    assert_eq!(instance(&mut replayed).windows.len(), 19);
    assert!(replayed.stages[0].instances[0].launch.killed);
}

fn rendered(name: &str, record: &Record, judgement: &Judgement) -> String {
    let content = harness::report::format(name).unwrap().render(&Summary::new(record, judgement)).unwrap();
    String::from_utf8(content).unwrap()
}

#[test]
fn reports_show_what_grew_and_what_would_have_been_seen() {
    let record = record(leaking(60));
    let judgement = judged(&record);
    let text = rendered("table", &record, &judgement);
    assert!(text.contains("\n  memory ") && text.contains("least seen") && text.contains("ALARM"), "{text}");
    assert!(text.contains("60 of 60 windows of 1s; memory is PSS"), "{text}");
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let markdown = rendered("markdown", &record, &judgement);
    assert!(markdown.contains("| memory | ") && markdown.contains("| 50.0 MiB/day |"), "{markdown}");
    let html = rendered("html", &record, &judgement);
    for chart in ["memory", "descriptors", "threads", "p99", "rate"] {
        assert!(html.contains(&format!("data-chart=\"soak-{chart}\" data-stage=\"soak\"")), "{chart}");
    }
    let junit = rendered("junit", &record, &judgement);
    assert!(junit.contains("name=\"soak/memory_per_day\"") && junit.contains("failures=\"3\""), "{junit}");
}

#[test]
fn results_of_soaks_keep_their_schema() {
    let mut died = record(leaking(14));
    died.stages[0].status =
        StageStatus::Failed(Failure::new(Cause::Error(vec!["died".to_owned()]), Exit::TargetFailed));
    let last = SoakWindow { index: 14, from_ns: 19 * SECOND, length_ns: 7, ..SoakWindow::default() };
    instance(&mut died).windows.push(last);
    instance(&mut died).died_ns = Some(19 * SECOND + 7);
    for mut record in [record(leaking(60)), record(clean(3)), died] {
        record.started_at = "2026-11-20T18:30:05Z".to_owned();
        let judgement = judged(&record);
        let stored = harness::verdict::Stored::new(record, judgement).unwrap();
        let json = serde_json::to_value(&stored).unwrap();
        let faults = harness::report::validate::against(harness::report::schema::RESULT, &json);
        assert!(faults.is_empty(), "{faults:#?}");
        let again: harness::verdict::Stored = serde_json::from_value(json).unwrap();
        assert_eq!(judged(&again.record), again.judgement, "judged again, it is the same");
    }
}
