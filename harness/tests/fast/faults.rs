//! Judges faults from made-up records, and reads them from scenarios.

use std::path::{Path, PathBuf};

use harness::measure::exit::ExitFacts;
use harness::measure::facts::StageFacts;
use harness::measure::journal::{JournalLine, replay};
use harness::measure::outcome::Outcomes;
use harness::measure::record::{InstanceRecord, Record, RoundRecord, SCHEMA_VERSION, StageRecord};
use harness::measure::trial::TrialRecord;
use harness::measure::{Arm, LoadFacts, Pace, Ticks};
use harness::measure::{Ending, RoundStatus, StageStatus};
use harness::plan::{Options as PlanOptions, Plan};
use harness::report::{Summary, format};
use harness::scenario::Scenario;
use harness::stages::faults::facts::{Expectation, FaultKind, FaultRecord, Instance, Planned, Stage, StreamsMet};
use harness::stages::faults::judge::{Judged, RowState};
use harness::verdict::judgement::{FindingKind, Judgement};
use harness::verdict::stage::Detail;
use harness::verdict::{FailOn, Options, judge};
use harness_base::exit::Exit;
use harness_base::units::Rate;

use crate::support::sidecar;

const MS: u64 = 1_000_000;

/// Returns a hundred ticks of 50 ms with ten requests each; the fault lasts from 1 s to 2 s. `outcome` says what became
/// of one tick.
fn trial(outcome: impl Fn(u64) -> Outcomes) -> TrialRecord {
    let ticks = Ticks { length_ns: 50 * MS, outcomes: (0..100).map(outcome).collect() };
    let mut outcomes = Outcomes::default();
    ticks.outcomes.iter().for_each(|tick| outcomes.merge(tick));
    let load = LoadFacts { scheduled: outcomes.total(), outcomes, ticks: Some(ticks), ..LoadFacts::default() };
    TrialRecord { connections: 10, ..TrialRecord::new(Arm::Proxied, Pace::constant(Rate(200.0)), load) }
}

fn ok() -> Outcomes {
    Outcomes { ok: 10, ..Outcomes::default() }
}

/// Returns the outcomes of a tick in which five of ten requests fail while the fault lasts.
fn half_reset(tick: u64) -> Outcomes {
    if (20..40).contains(&tick) { Outcomes { ok: 5, reset: 5, ..Outcomes::default() } } else { ok() }
}

fn fault(kind: FaultKind) -> FaultRecord {
    let made = kind.is_upstreams().then_some(100);
    FaultRecord { kind, began_ns: 1_000 * MS, ended_ns: Some(2_000 * MS), made, exit: None, streams: None }
}

fn record(expect: Expectation, fault: FaultRecord, trial: TrialRecord) -> Record {
    let planned = vec![Planned { kind: fault.kind, expect, skipped: None }];
    let facts = Stage {
        before_ns: 1_000 * MS,
        fault_ns: 1_000 * MS,
        after_ns: 3_000 * MS,
        recover_ns: 2_000 * MS,
        timeout_ns: 1_000 * MS,
        slow_ns: 300 * MS,
        readers: 4,
        planned,
        ..Stage::default()
    };
    let round = RoundRecord { index: 0, status: RoundStatus::Valid, trials: vec![trial] };
    let stage = StageRecord {
        name: "faults".to_owned(),
        status: StageStatus::Valid,
        offered: Some(Pace::constant(Rate(200.0))),
        facts: facts.into(),
        wanted: 1,
        instances: vec![InstanceRecord {
            facts: Instance { fault: Some(fault) }.into(),
            rounds: vec![round],
            ..InstanceRecord::default()
        }],
        ..StageRecord::default()
    };
    Record { schema_version: SCHEMA_VERSION, run_id: "r".to_owned(), stages: vec![stage], ..Record::default() }
}

fn judged(record: &Record) -> Judgement {
    judge(record, &[], Options::default())
}

fn shown(judgement: &Judgement) -> &Judged {
    match judgement.details().next() {
        Some(Detail::Faults(faults)) => faults,
        other => panic!("{other:?}"),
    }
}

/// Returns the state of the one fault of a record, and what was said of it.
fn verdict(expect: Expectation, fault: FaultRecord, trial: TrialRecord) -> (RowState, String, Exit) {
    let found = judged(&record(expect, fault, trial));
    let row = &shown(&found).rows[0];
    (row.state, row.message.join("; "), found.exit)
}

#[test]
fn errors_under_a_fault_are_as_expected_where_they_are() {
    let (state, message, exit) = verdict(Expectation::Errors, fault(FaultKind::UpstreamReset), trial(half_reset));
    assert_eq!((state, message.as_str(), exit), (RowState::AsExpected, "", Exit::Pass));
    let (state, message, exit) = verdict(Expectation::Answers, fault(FaultKind::UpstreamReset), trial(half_reset));
    assert_eq!((state, exit), (RowState::NotAsExpected, Exit::Regressed));
    assert_eq!(message, "100 requests of 1,000 lost, none expected (900 ok, 100 connection reset)");
}

#[test]
fn hanging_and_masked_errors_are_never_as_expected() {
    let one = |outcomes: Outcomes| trial(move |tick| if tick == 30 { outcomes } else { ok() });
    let hung = one(Outcomes { ok: 9, timeout: 1, ..Outcomes::default() });
    for expect in Expectation::ALL {
        let (state, message, _) = verdict(expect, fault(FaultKind::UpstreamDown), hung.clone());
        assert!(
            state == RowState::NotAsExpected && message.contains("1 request without a complete answer for 1s"),
            "{message}"
        );
    }
    let masked = one(Outcomes { ok: 9, wrong_body: 1, ..Outcomes::default() });
    let (state, message, _) = verdict(Expectation::Errors, fault(FaultKind::UpstreamDown), masked.clone());
    assert!(
        state == RowState::NotAsExpected && message == "1 request came back as a success with a wrong body",
        "{message}"
    );
    let (state, ..) = verdict(Expectation::ErrorsInBodies, fault(FaultKind::UpstreamDown), masked);
    assert_eq!(state, RowState::AsExpected);
}

#[test]
fn recovery_is_held_against_what_is_allowed() {
    let failing_until = |end: u64| {
        trial(
            move |tick| {
                if (20..end).contains(&tick) { Outcomes { wrong_status: 10, ..Outcomes::default() } } else { ok() }
            },
        )
    };
    for (end, state, message) in [
        (80, RowState::AsExpected, ""),
        (81, RowState::NotAsExpected, "everything was answered again only 2.05 s after the fault's end, 2s allowed"),
        (100, RowState::NotAsExpected, "it still failed 3s after the fault's end"),
    ] {
        let found = verdict(Expectation::Errors, fault(FaultKind::Restart), failing_until(end));
        assert_eq!((found.0, found.1.as_str()), (state, message), "{end}");
    }
}

#[test]
fn a_stop_is_judged_by_what_it_lost_and_how_it_ended() {
    let refused = |tick: u64| if tick < 20 { ok() } else { Outcomes { connect: 10, ..Outcomes::default() } };
    let stop = |ending, killed| {
        let exit = Some(ExitFacts { ending, took_ns: 40 * MS, killed });
        FaultRecord { ended_ns: None, exit, ..fault(FaultKind::Stop) }
    };
    let (state, message, _) = verdict(Expectation::Answers, stop(Ending::Code(0), false), trial(refused));
    assert_eq!((state, message.as_str()), (RowState::AsExpected, ""), "refused is not lost");
    let (_, message, _) = verdict(Expectation::Answers, stop(Ending::Signal(15), false), trial(refused));
    assert_eq!(message, "it was ended by SIGTERM, and should have exited with code 0");
    let (state, ..) = verdict(Expectation::Errors, stop(Ending::Signal(15), false), trial(refused));
    assert_eq!(state, RowState::AsExpected);
    let (_, message, _) = verdict(Expectation::Errors, stop(Ending::Signal(9), true), trial(refused));
    assert_eq!(message, "it ignored SIGTERM for 40.0 ms and was killed");
}

#[test]
fn open_streams_are_judged_by_how_they_ended_and_by_both_witnesses() {
    let met = |drained, finished, cut, hung| StreamsMet {
        before: 30,
        open: drained + finished + cut + hung,
        drained,
        finished,
        cut,
        hung,
        last_end_ns: Some(400 * MS),
        upstream_finished: drained,
        upstream_cancelled: finished + cut + hung,
        ..StreamsMet::default()
    };
    let fault = |streams| {
        let exit = Some(ExitFacts { ending: Ending::Code(0), took_ns: 400 * MS, killed: false });
        FaultRecord { ended_ns: None, exit, streams: Some(streams), ..fault(FaultKind::StopStreams) }
    };
    let verdict = |expect, streams| {
        let (state, message, _) = verdict(expect, fault(streams), trial(|_| ok()));
        (state, message)
    };
    let fine = (RowState::AsExpected, String::new());
    let not = |message: &str| (RowState::NotAsExpected, message.to_owned());
    assert_eq!(verdict(Expectation::Answers, met(20, 0, 0, 0)), fine);
    assert_eq!(verdict(Expectation::Errors, met(8, 0, 12, 0)), fine);
    let lost = not("12 of 20 open streams lost, none expected (8 drained, 12 cut)");
    assert_eq!(verdict(Expectation::Answers, met(8, 0, 12, 0)), lost);
    let short = not("3 of 20 open streams were ended as if they were complete");
    assert_eq!(verdict(Expectation::Errors, met(17, 3, 0, 0)), short);
    assert_eq!(verdict(Expectation::ErrorsInBodies, met(17, 3, 0, 0)), fine);
    assert_eq!(
        verdict(Expectation::ErrorsInBodies, met(19, 0, 0, 1)),
        not("1 of 20 open streams neither went on nor ended")
    );
    for unknown in [met(0, 0, 0, 0), StreamsMet { contradicted: 1, ..met(20, 0, 0, 0) }] {
        assert_eq!(verdict(Expectation::Errors, unknown).0, RowState::Unknown);
    }
    let record = record(Expectation::Errors, fault(met(8, 0, 12, 0)), trial(|_| ok()));
    let judgement = judged(&record);
    let table =
        String::from_utf8(format("table").unwrap().render(&Summary::new(&record, &judgement)).unwrap()).unwrap();
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    let course = "20 streams were open at SIGTERM and ended, the last of them 400 ms after it: 8 drained, 12 cut; the upstream saw \
                  8 finished and 12 cancelled";
    assert!(flat.contains(course), "{table}");
    assert!(flat.contains("stop_cut_percent 60.0 %"), "{table}");
}

#[test]
fn an_unknown_value_is_inconclusive_and_never_a_pass() {
    let untouched = FaultRecord { made: Some(0), ..fault(FaultKind::UpstreamReset) };
    let (state, message, exit) = verdict(Expectation::Errors, untouched, trial(|_| ok()));
    assert_eq!((state, exit), (RowState::Unknown, Exit::Pass));
    assert_eq!(message, "no request reached the upstream while it failed");
    let mut never = record(Expectation::Errors, fault(FaultKind::UpstreamReset), trial(|_| ok()));
    never.stages[0].instances.clear();
    let found = judged(&never);
    assert_eq!((shown(&found).rows[0].state, found.findings[0].kind), (RowState::Unknown, FindingKind::Inconclusive));
    let mut skipped = never;
    let StageFacts::Faults(facts) = &mut skipped.stages[0].facts else { panic!("no faults") };
    facts.planned[0].skipped = Some("not here".to_owned());
    let found = judge(&skipped, &[], Options { fail_on: FailOn::Inconclusive, ..Options::default() });
    assert_eq!((shown(&found).rows[0].state, found.exit), (RowState::Skipped, Exit::Regressed));
    assert!(found.reasons()[0].contains("faults/upstream_reset is not decided"), "{:?}", found.reasons());
}

#[test]
fn the_table_has_a_line_for_each_fault_and_the_journal_keeps_it() {
    let record = record(Expectation::Errors, fault(FaultKind::UpstreamReset), trial(half_reset));
    let lines: String = JournalLine::of_record(&record).iter().map(|line| line.to_json().unwrap()).collect();
    assert_eq!(replay(lines.as_bytes()).unwrap().record, record);
    let judgement = judged(&record);
    let shown = |name: &str| {
        let bytes = format(name).unwrap().render(&Summary::new(&record, &judgement)).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let line = "  upstream_reset         1,000     100     100        0 ms as expected\n\
                \x20     900 ok, 100 connection reset; from 0 ms to 1.00 s after the fault began\n";
    assert!(shown("table").contains(line), "{}", shown("table"));
    assert!(shown("table").contains("1 of 1 faults; open loop, 200/s on 10 connections"), "{}", shown("table"));
    let row = "| upstream_reset | 1,000 | 100 | 100 | 0 ms | as expected: 900 ok, 100 connection reset; from";
    assert!(shown("markdown").contains(row), "{}", shown("markdown"));
    assert!(shown("html").contains("<th scope=\"row\">upstream_reset</th>"));
}

fn scenario(lines: &str) -> Result<Plan, String> {
    let text = sidecar(&[], &format!("[stage.faults]\n{lines}"));
    let read = Scenario::parse(&text, Path::new("scenarios/x.toml"), PathBuf::new(), &[])
        .map_err(|error| error.to_string())?;
    Plan::new(&read, &PlanOptions::default()).map_err(|error| error.to_string())
}

#[test]
fn a_plan_reports_every_fault_with_what_is_expected() {
    let shown = scenario("").unwrap().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for kind in FaultKind::ALL {
        assert!(shown.contains(&format!("{} ({})", kind.name(), kind.expected().name())), "{shown}");
    }
    assert!(shown.contains("under 200/s on 10 connections; 1s before each, 1s long, 3s after"), "{shown}");
}

#[test]
fn mistakes_of_faults_are_reported_all_at_once() {
    for (lines, message) in [
        ("faults = []", "stage.faults.faults: must name at least one"),
        ("faults = [\"upstream_dwn\"]", "unknown fault \"upstream_dwn\" (did you mean \"upstream_down\"?)"),
        ("faults = [\"stop\", \"stop\"]", "\"stop\" is named twice"),
        ("recover = \"3s\"", "3s is not shorter than the load after a fault, 3s"),
        ("slow = \"1s\"", "1s is not shorter than the timeout, 1s"),
        ("before = \"0s\"", "stage.faults.before: must be longer than 0"),
        ("expect = { stop = \"nothing\" }", "must be one of answers, errors, errors_in_bodies, is \"nothing\""),
        ("faults = [\"stop\"]\nexpect = { restart = \"errors\" }", "is not in faults"),
        ("streams = 0", "stage.faults.streams: must be 1 to 1000, is 0"),
        ("stream = \"5ms\"", "stage.faults.stream: must be 100ms to 1m, is 5ms"),
        ("vus = 3", "stage.faults.vus: unknown key"),
        ("rounds = 3", "stage.faults.rounds: unknown key"),
    ] {
        let found = scenario(lines).err().unwrap_or_default();
        assert!(found.contains(message), "{message} is not in {found}");
    }
}

#[test]
fn the_page_has_a_row_for_every_fault_and_what_is_expected() {
    let page = include_str!("../../docs/faults.md");
    for kind in FaultKind::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", kind.name())));
        let row = row.unwrap_or_else(|| panic!("no row for {}", kind.name()));
        assert!(row.ends_with(&format!("| `{}` |", kind.expected().name())), "{row}");
    }
}
