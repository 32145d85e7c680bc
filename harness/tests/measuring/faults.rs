//! Faults on purpose, on the reference sidecar, whose answers to them are set by flags, before the bundled upstream, which counts what
//! it made.

use rand::Rng;

use crate::alone;
use crate::support;
use crate::support::{Ran, Scratch, harness, measured, newest, ran, run_command, sidecar};
use harness::measure::{Ending, StageStatus};
use harness::stages::faults::facts::FaultKind::{self, *};
use harness::stages::faults::judge::{Judged as Faults, Row, RowState, Seen};
use harness::verdict::stage::Detail;

const SECOND: u64 = 1_000_000_000;

/// Returns a stage with these faults, with spans that a busy machine keeps; more keys of the stage in `more`.
fn stage(kinds: &[FaultKind], more: &str) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.name())).collect();
    format!(
        "[stage.faults]\nfaults = [{}]\nrate = \"200/s\"\nconnections = 10\nbefore = \"600ms\"\nfault = \"600ms\"\nafter = \"2s\"\n\
         recover = \"1500ms\"\nslow = \"100ms\"\n{more}\n",
        kinds.join(", ")
    )
}

fn shown(ran: &Ran) -> Faults {
    match serde_json::from_value(ran.judgement()["stages"][0]["detail"].clone()).unwrap() {
        Detail::Faults(faults) => faults,
        other => panic!("{other:?}"),
    }
}

fn row(ran: &Ran, kind: FaultKind) -> Row {
    let found = shown(ran).rows.into_iter().find(|row| row.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind:?}\n{}", ran.stdout))
}

fn seen(ran: &Ran, kind: FaultKind) -> Seen {
    row(ran, kind).seen.unwrap_or_else(|| panic!("{kind:?} was not made\n{}", ran.stdout))
}

/// Returns the row of the only fault of a sidecar with these flags, after checking the exit code.
fn only(flags: &[&str], kind: FaultKind, more: &str, code: i32) -> (Row, Ran) {
    let ran = measured(&sidecar(flags, &stage(&[kind], more)));
    ran.expect_code(code);
    (row(&ran, kind), ran)
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn faults_of_an_upstream_are_seen_as_often_as_they_happen() {
    let _alone = alone();
    let kinds = [UpstreamDown, UpstreamSlow, UpstreamReset, UpstreamHalfClose, UpstreamGarbage];
    let ran = measured(&sidecar(&[], &stage(&kinds, "")));
    ran.expect_code(0);
    let found = shown(&ran);
    assert!(found.rows.iter().all(|row| row.state == RowState::AsExpected), "{found:#?}");
    for kind in [UpstreamReset, UpstreamHalfClose, UpstreamGarbage] {
        let seen = seen(&ran, kind);
        let made = seen.made.unwrap();
        // Each request that the upstream broke was answered with 502, and no other request was.
        assert!((40..=200).contains(&made), "{kind:?}: {seen:?}");
        assert_eq!((seen.errors(), seen.outcomes.wrong_status, seen.lost), (made, made, made), "{kind:?}");
    }
    let slow = seen(&ran, UpstreamSlow);
    assert!(slow.errors() == 0 && slow.made.unwrap() >= 12, "{slow:?}");
    // Each of the ten connections may have had a request under way that ended with it; all others are attempts to connect.
    let down = seen(&ran, UpstreamDown);
    let refused = ran.truths[0]["upstream_connect_failures"].as_u64().unwrap();
    assert!((refused..=refused + 10).contains(&down.errors()) && refused >= 40, "{refused}: {down:?}");
    assert!(down.recovery_ns.unwrap() <= 1_500_000_000, "{down:?}");
    let (first, last) = down.errors_ns.unwrap();
    assert!(first >= -300_000_000 && last >= 500_000_000, "{down:?}");
    assert_eq!(ran.judgement()["metrics"], serde_json::json!([]), "nothing of it is a metric");
    assert!(ran.shows("upstream_garbage") && ran.shows("as expected"), "{}", ran.stdout);
}

#[test]
fn a_target_that_never_asks_again_is_found() {
    let _alone = alone();
    let (row, ran) = only(&["--never-reconnect"], UpstreamDown, "", 3);
    assert_eq!((row.state, row.seen.unwrap().recovery_ns), (RowState::NotAsExpected, None));
    assert!(ran.shows("REGRESSED: faults/upstream_down: it still failed 2s after the fault's end"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_failure_that_comes_back_as_a_success_is_found_unless_that_is_expected() {
    let _alone = alone();
    let masking = ["--on-upstream-error", "ok"];
    let (row, ran) = only(&masking, UpstreamReset, "", 3);
    let seen = row.seen.unwrap();
    assert_eq!(seen.made, Some(seen.outcomes.wrong_body));
    assert!(ran.shows("requests came back as a success with a wrong body"), "{}", ran.stdout);
    let (row, _) = only(&masking, UpstreamReset, "expect = { upstream_reset = \"errors_in_bodies\" }", 0);
    assert_eq!(row.state, RowState::AsExpected, "{row:#?}");
}

#[test]
fn a_request_that_hangs_is_found() {
    let _alone = alone();
    let (row, ran) = only(&["--on-upstream-error", "hang"], UpstreamHalfClose, "timeout = \"300ms\"", 3);
    let seen = row.seen.unwrap();
    assert!(seen.outcomes.timeout > 0 && seen.made == Some(seen.outcomes.timeout), "{seen:?}");
    assert!(ran.shows("without a complete answer for 300ms"), "{}", ran.stdout);
}

#[test]
fn a_graceful_stop_loses_nothing_and_reports_its_code() {
    let _alone = alone();
    // A request that is sent at the very moment at which an idle connection is closed is lost to HTTP itself.
    let stop = || measured(&sidecar(&["--add-latency", "30ms"], &stage(&[Stop], "")));
    let mut ran = stop();
    for _ in 0..2 {
        if ran.code == 0 {
            break;
        }
        eprintln!("{}", ran.stdout);
        ran = stop();
    }
    ran.expect_code(0);
    let seen = seen(&ran, Stop);
    let exit = seen.exit.clone().unwrap();
    assert_eq!((seen.lost, exit.ending, exit.killed), (0, Ending::Code(0), false));
    assert!(seen.outcomes.connect >= 40 && seen.errors() == seen.outcomes.connect, "{seen:?}");
    let launch = &ran.stage("faults").instances[0].launch;
    assert_eq!(launch.stop_ns, Some(exit.took_ns), "the duration is recorded once");
}

#[test]
fn a_stop_that_drops_what_is_under_way_is_found() {
    let _alone = alone();
    // A request every 5 ms that takes 30: six are under way at any time.
    let (row, ran) = only(&["--add-latency", "30ms", "--drop-on-term"], Stop, "", 3);
    let seen = row.seen.unwrap();
    assert!((1..=10).contains(&seen.lost) && seen.outcomes.reset == seen.lost, "{seen:?}");
    assert!(ran.shows("lost, none expected"), "{}", ran.stdout);
    let (row, _) = only(&["--add-latency", "30ms", "--drop-on-term"], Stop, "expect = { stop = \"errors\" }", 0);
    assert_eq!(row.state, RowState::AsExpected, "{row:#?}");
}

#[test]
fn a_target_that_ignores_sigterm_is_killed_and_found() {
    let _alone = alone();
    let scenario = sidecar(&["--ignore-sigterm"], &stage(&[Stop], ""));
    let ran = measured(&scenario.replace("deadline = \"10s\"", "deadline = \"10s\"\nstop_within = \"300ms\""));
    ran.expect_code(3);
    let exit = seen(&ran, Stop).exit.unwrap();
    assert!(exit.killed && exit.ending == Ending::Signal(9) && exit.took_ns >= 300_000_000, "{exit:?}");
    assert!(ran.shows("it ignored SIGTERM for") && ran.shows("and was killed"), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_restart_recovers_when_it_listens_again() {
    let _alone = alone();
    let (row, ran) = only(&["--listen-after", "500ms"], Restart, "", 0);
    let seen = row.seen.unwrap();
    let recovery = seen.recovery_ns.unwrap();
    assert!((400_000_000..=1_500_000_000).contains(&recovery), "{seen:?}");
    assert!(seen.outcomes.connect >= 40 && seen.exit.unwrap().ending == Ending::Code(0));
    assert_eq!(ran.truths.len(), 2, "two processes, one after the other");
    let impatient = stage(&[Restart], "").replace("recover = \"1500ms\"", "recover = \"100ms\"");
    let ran = measured(&sidecar(&["--listen-after", "500ms"], &impatient));
    ran.expect_code(3);
    assert_eq!(self::row(&ran, Restart).state, RowState::NotAsExpected);
    assert!(ran.shows("everything was answered again only"), "{}", ran.stdout);
}

/// Streams of 1 s, a number of them that is drawn, and SIGTERM after 600 ms.
fn streams() -> (u64, String) {
    let streams = rand::rng().random_range(15..30_u64);
    println!("{streams} streams");
    (streams, stage(&[StopStreams], &format!("streams = {streams}\nstream = \"1s\"")))
}

#[test]
fn streams_that_a_stopped_target_cuts_are_counted_and_drained_ones_too() {
    let _alone = alone();
    let (number, stage) = streams();
    // What is left of the streams is spread evenly over a second, so about four tenths of them end by themselves.
    let ran = measured(&sidecar(&["--grace", "400ms"], &stage));
    ran.expect_code(0);
    let seen = seen(&ran, StopStreams);
    let (met, exit) = (seen.streams.unwrap(), seen.exit.unwrap());
    assert_eq!((met.finished, met.hung, met.contradicted), (0, 0, 0), "{met:?}");
    assert!((number - 2..=number).contains(&met.open) && met.before > 0, "{number}: {met:?}");
    // The upstream counts how each of its streams ended, and the sidecar the connections that it closed with requests in flight. A stream whose
    // end it has passed on, but not yet noted, is one of the latter: in one of four runs it counted 12, and both ends agreed on 11.
    assert_eq!((met.upstream_finished, met.upstream_cancelled), (met.drained, met.cut), "{met:?}");
    let at_stop = ran.truths[0]["cut_at_stop"].as_u64().unwrap();
    assert!((met.cut..=met.cut + 1).contains(&at_stop), "{at_stop}: {met:?}");
    assert!(met.drained >= number / 8 && met.cut >= number / 4, "{met:?}");
    let last = met.last_end_ns.unwrap();
    assert!((400_000_000..1_500_000_000).contains(&last) && !exit.killed, "{last}: {exit:?}");
    let percent = met.lost() as f64 / met.open as f64 * 100.0;
    assert!((ran.value("stream/stop_cut_percent") - percent).abs() < 1e-9);
    assert!((ran.value("stream/stop_last_end") - last as f64 / 1e6).abs() < 1e-6);
    assert!(ran.shows(&format!("{} drained, {} cut", met.drained, met.cut)), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_waits_for_its_streams_loses_none() {
    let _alone = alone();
    let (number, stage) = streams();
    let ran = measured(&sidecar(&["--grace", "4s"], &format!("{stage}expect = {{ stop_streams = \"answers\" }}\n")));
    ran.expect_code(0);
    let met = seen(&ran, StopStreams).streams.unwrap();
    assert_eq!((met.drained, met.lost(), met.upstream_finished), (met.open, 0, met.open), "{met:?}");
    assert!((number - 2..=number).contains(&met.open), "{number}: {met:?}");
    assert_eq!((ran.value("stream/stop_cut_percent"), &ran.truths[0]["cut_at_stop"]), (0.0, &0.into()));
    let last = met.last_end_ns.unwrap();
    assert!((500_000_000..=1_600_000_000).contains(&last), "the last stream of a second ended {last} ns after SIGTERM");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn streams_that_look_complete_although_they_are_not_are_found() {
    let _alone = alone();
    let (_, stage) = streams();
    let ran = measured(&sidecar(&["--grace", "2s", "--end-answers", "200ms"], &stage));
    ran.expect_code(3);
    let met = seen(&ran, StopStreams).streams.unwrap();
    assert_eq!((met.cut, met.hung, met.drained + met.finished), (0, 0, met.open), "{met:?}");
    assert_eq!((met.upstream_finished, met.upstream_cancelled), (met.drained, met.finished), "{met:?}");
    assert!(met.finished >= met.open / 3, "{met:?}");
    assert!(ran.shows("open streams were ended as if they were complete"), "{}", ran.stdout);
}

#[test]
fn a_storm_of_connections_is_answered() {
    let _alone = alone();
    let (row, ran) = only(&[], Reconnects, "", 0);
    let seen = row.seen.unwrap();
    assert_eq!((seen.errors(), seen.recovery_ns), (0, Some(0)));
    // Ten connections, those of probe and preflight, and one for each of 120 requests, a few of which may be late.
    let connections = ran.truths[0]["connections"].as_u64().unwrap();
    assert!((11 + 60..=11 + 240).contains(&connections), "{connections} connections");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn clients_that_do_not_read_disturb_no_other_client() {
    let _alone = alone();
    let (row, _) = only(&[], SlowReaders, "", 0);
    let seen = row.seen.unwrap();
    assert_eq!((seen.errors(), seen.made), (0, Some(4)), "{seen:?}");
    // A second reader would be kept waiting by the first one, as all others are. Long enough for a busy machine to fill what the kernel
    // holds for it.
    let stage =
        stage(&[SlowReaders], "readers = 1\ntimeout = \"300ms\"").replace("fault = \"600ms\"", "fault = \"2s\"");
    let ran = measured(&sidecar(&["--one-writer"], &stage));
    ran.expect_code(3);
    let row = self::row(&ran, SlowReaders);
    let seen = row.seen.unwrap();
    assert_eq!((row.state, seen.made), (RowState::NotAsExpected, Some(1)), "{seen:?}");
    assert!(seen.outcomes.timeout >= 10 && seen.lost == seen.errors(), "each of ten connections waits: {seen:?}");
    assert!(seen.recovery_ns.is_some(), "with the readers gone it answers again: {seen:?}");
    assert!(ran.shows("without a complete answer for 300ms"), "{}", ran.stdout);
}

#[test]
fn a_fault_that_cannot_be_made_is_skipped_and_never_passed() {
    let _alone = alone();
    let own = "[upstream.process]\ncommand = [\"builtin:upstream\", \"--listen\", \"127.0.0.1:{port.up}\"]\n\
               url = \"http://127.0.0.1:{port.up}\"";
    let scenario = sidecar(&[], &stage(&[UpstreamDown, Reconnects], ""));
    // Only the bundled upstream counts its hits.
    let scenario = scenario.replace(", upstream_hits = \"exact\"", "");
    let ran = measured(&scenario.replace("[upstream.builtin]\nbody = \"1KiB\"", own));
    ran.expect_code(0);
    assert_eq!(row(&ran, UpstreamDown).state, RowState::Skipped);
    assert_eq!(row(&ran, Reconnects).state, RowState::AsExpected);
    let finding = &ran.judgement()["findings"][0];
    assert_eq!((&finding["subject"], &finding["kind"]), (&"faults/upstream_down".into(), &"inconclusive".into()));
    assert!(ran.shows("use [upstream.builtin]"), "{}", ran.stdout);
}

#[test]
fn the_files_of_a_run_are_valid_and_can_be_judged_again() {
    let _alone = alone();
    let scratch = Scratch::new();
    let scenario = sidecar(&["--never-reconnect"], &stage(&[UpstreamDown, Stop], ""));
    let output = run_command(&scratch, &scenario).output().unwrap();
    let folder = newest(&scratch.0.join("out")).unwrap();
    let valid = harness().arg("validate").arg(&folder).output().unwrap();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stdout));
    let again = harness().arg("report").arg(folder.join("result.json")).output().unwrap();
    assert!(
        String::from_utf8_lossy(&again.stdout).contains("upstream_down"),
        "{}",
        String::from_utf8_lossy(&again.stdout)
    );
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("<h2>Faults</h2>") && page.contains("never"));
    let ran = ran(scratch, output);
    let status = ran.stage("faults").status;
    // On a busy machine the stage may be invalid; its artifacts are to be valid all the same.
    assert!(matches!((ran.code, status), (3, StageStatus::Valid) | (6, StageStatus::Invalid(_))), "{}", ran.stdout);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_that_fails_before_anything_was_made_to_proves_nothing() {
    let _alone = alone();
    let ran = support::run(&sidecar(&["--error-every", "3"], &stage(&[Reconnects], "")));
    ran.expect_code(6);
    assert!(ran.shows("requests well before the fault were errors"), "{}", ran.stdout);
    assert_eq!(row(&ran, Reconnects).state, RowState::Unknown);
    assert_eq!(ran.stage("faults").instances.len(), 2, "it was tried twice");
    assert!(ran.record().took_ns > 4 * SECOND);
}
