//! Stage `streaming` against the reference sidecar, whose flags say how it passes events on, and against nginx.

use std::path::Path;

use crate::alone;
use crate::support::{Ran, Scratch, measured, settled, sidecar, sidecar_on_h2c, sidecar_on_tls};
use harness::measure::Arm;
use harness::stages::streaming::facts::Passing;
use harness::stages::streaming::judge::Judged;
use harness::verdict::Judgement;
use harness::verdict::stage::Detail;
use harness_load::streams::Streams;

/// Returns a stage of few short rounds: streams of twelve events, 4 ms apart.
fn short(more: &str) -> String {
    let load = "vus = 5\nrounds = 6\ninstances = 1\nwindow = \"48ms\"";
    format!("[stage.streaming]\nevents = 12\ninterval = \"4ms\"\n{load}\n{more}\n")
}

fn found(ran: &Ran) -> Judged {
    match serde_json::from_value(ran.judgement()["stages"][0]["detail"].clone()).unwrap() {
        Detail::Streaming(found) => found,
        other => panic!("{other:?}"),
    }
}

/// Returns the streams of an arm in all valid rounds.
fn streams(ran: &Ran, arm: Arm) -> Streams {
    let mut all = Streams::default();
    let stage = ran.stage("streaming");
    let trials = stage.valid_rounds().filter_map(|round| round.trial(arm));
    trials.for_each(|trial| all.merge(trial.load.streams.as_deref().expect("streams")));
    all
}

/// Runs against the sidecar with these flags, and expects no error.
fn run(flags: &[&str]) -> Ran {
    without_errors(&sidecar(flags, &short("")))
}

fn without_errors(scenario: &str) -> Ran {
    let ran = measured(scenario);
    assert_eq!(ran.metric("errors/streaming_percent"), Some(0.0), "{}\n{}", ran.stdout, ran.stderr);
    let found = found(&ran);
    assert_eq!(
        (found.direct.wrong(), found.direct.asked, found.direct.arrived),
        (0, found.direct.arrived, found.direct.asked)
    );
    ran
}

#[test]
fn events_that_are_held_are_late_by_that_and_come_one_by_one() {
    let _alone = alone();
    let plain = run(&[]);
    plain.expect_code(0);
    let through = found(&plain);
    assert_eq!((through.passing, through.proxied.wrong()), (Some(Passing::Streams), 0), "{through:#?}");
    assert!(plain.value("stream/event_added_p50") < 2.0, "{}", plain.stdout);
    let mut before = Some(plain);
    // What the sidecar itself adds is in both runs.
    settled("held − set, in ms", -0.1..=0.1, || {
        let (plain, held) = (before.take().unwrap_or_else(|| run(&[])), run(&["--hold", "5ms"]));
        assert_eq!(found(&held).passing, Some(Passing::Streams), "{}", held.stdout);
        let truth = held.truths.last().unwrap()["held_ns"]["median"].as_f64().unwrap() / 1e6;
        let [with, without] = [&held, &plain].map(|ran| ran.value("stream/event_added_p50"));
        eprintln!("{with} ms held, {without} ms otherwise, truth {truth} ms");
        with - without - truth
    });
}

/// Runs against a sidecar that forwards events in groups, and expects to find their size.
fn groups_are_found(scenario: fn(&[&str], &str) -> String, group: u64) {
    let ran = without_errors(&scenario(&["--coalesce", &group.to_string()], &short("")));
    ran.expect_code(0);
    let (judged, proxied) = (found(&ran), streams(&ran, Arm::Proxied));
    assert_eq!(judged.passing, Some(Passing::Coalesces), "{judged:#?}");
    assert_eq!((proxied.median_per_read(), proxied.wrong()), (Some(group), 0), "{:?}", proxied.reads);
    // Two groups are read together only if the generator is late by several milliseconds.
    let exact = proxied.reads.iter().filter(|reads| reads.events == group).map(|reads| reads.count).sum::<u64>();
    assert!(exact * 10 >= proxied.read_count() * 9, "{:?}", proxied.reads);
    let (percent, truth) = (ran.value("stream/coalescing_percent"), (group - 1) as f64 * 100.0);
    assert!((percent / truth - 1.0).abs() < 0.1, "{percent} % instead of {truth} %");
    assert!(ran.shows("COALESCES: "), "{}", ran.stdout);
}

#[test]
fn the_size_of_groups_is_found_exactly() {
    let _alone = alone();
    groups_are_found(sidecar, 4);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn groups_are_found_over_http2_and_tls_too() {
    let _alone = alone();
    for (scenario, group) in [(sidecar as fn(&[&str], &str) -> String, 2), (sidecar_on_h2c, 3), (sidecar_on_tls, 6)] {
        groups_are_found(scenario, group);
    }
}

#[test]
fn a_target_that_buffers_is_found_as_such() {
    let _alone = alone();
    let ran = measured(&sidecar(&["--buffer"], &short("expect = \"coalesces\"")));
    ran.expect_code(3);
    let judged = found(&ran);
    assert_eq!(judged.passing, Some(Passing::Buffers), "{judged:#?}");
    assert!(ran.shows("BUFFERS: 12 of 12 events in one read after the last was sent"), "{}", ran.stdout);
    assert!(ran.value("stream/buffered_percent") >= 99.0);
    // The first event waits for eleven others, 4 ms each on average.
    let first = ran.value("stream/first_added_p50");
    assert!((33.0..100.0).contains(&first), "{first} ms");
}

#[test]
fn lost_repeated_and_swapped_events_are_counted_exactly() {
    let _alone = alone();
    let ran = run(&["--lose-event", "2", "--repeat-event", "5", "--swap-event", "8"]);
    ran.expect_code(3);
    let proxied = streams(&ran, Arm::Proxied);
    let n = proxied.streams;
    assert!(
        n > 0 && (proxied.lost, proxied.repeated, proxied.reordered, proxied.foreign) == (n, n, n, 0),
        "{proxied:#?}"
    );
    assert_eq!(proxied.arrived, 12 * n);
    assert!(ran.shows("lost") && ran.shows("out of order"), "{}", ran.stdout);
}

/// Returns a scenario of nginx, whose configuration with this directive is written into the folder. It speaks HTTP/1.0 with the upstream, as
/// by default: chunks of HTTP/1.1 pass its buffers as they come.
fn nginx(folder: &Scratch, directive: &str) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/conf/nginx.conf");
    let conf = std::fs::read_to_string(shipped).unwrap();
    let pass = "proxy_pass http://behind;";
    assert!(conf.contains(pass));
    let file = folder.0.join("nginx.conf");
    let conf = conf.replace("proxy_http_version 1.1", "proxy_http_version 1.0");
    std::fs::write(&file, conf.replace(pass, &format!("{pass}\n            {directive}"))).unwrap();
    let plain = sidecar(&[], &short(""));
    let (from, until) = (plain.find("command = [").unwrap(), plain.find("[target.endpoints]").unwrap());
    let command = "command = [\"/usr/sbin/nginx\", \"-p\", \".\", \"-e\", \"stderr\", \"-c\", \"{file.nginx.conf}\"]";
    let files = format!("[target.files]\n\"nginx.conf\" = {:?}", file.display().to_string());
    format!("{}{command}\n\n{files}\n\n{}", &plain[..from], &plain[until..])
}

#[test]
fn nginx_buffers_by_default_and_streams_without() {
    let _alone = alone();
    if !Path::new("/usr/sbin/nginx").exists() {
        eprintln!("SKIPPED: nginx is not installed");
        return;
    }
    let folder = Scratch::new();
    for (directive, passing) in [("proxy_buffering on;", Passing::Buffers), ("proxy_buffering off;", Passing::Streams)]
    {
        let ran = measured(&nginx(&folder, directive));
        ran.expect_code(0);
        let judged = found(&ran);
        assert_eq!((judged.passing, judged.proxied.wrong()), (Some(passing), 0), "{directive} {judged:#?}");
    }
}

/// Runs streams like those of tokens on many connections. The descriptors of all programs fit below the limit of a process.
fn many(users: u64, interval: &str, events: u64) {
    let load = format!("vus = {users}\nrounds = 6\ninstances = 1\n");
    let stage = format!("[stage.streaming]\nevents = {events}\ninterval = \"{interval}\"\n{load}");
    let ran = measured(&sidecar(&["--workers", "2"], &stage));
    ran.expect_code(0);
    let judged = found(&ran);
    eprintln!("{users} streams, one event every {interval}: {}\n{judged:#?}", judged.conclusion());
    assert_eq!((judged.proxied.wrong(), judged.direct.wrong()), (0, 0), "{judged:#?}");
    assert_eq!(judged.proxied.arrived, events * judged.proxied.streams);
    // A window is as long as a stream on average, so most users begin one in each of the six.
    assert!(judged.proxied.streams >= 4 * users, "{judged:#?}");
    assert_ne!(judged.passing, Some(Passing::Buffers));
    assert_eq!(ran.metric("errors/streaming_percent"), Some(0.0));
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn token_like_streams_on_a_thousand_connections_are_read_to_the_last_event() {
    let _alone = alone();
    many(1000, "50ms", 60);
    many(100, "5ms", 600);
}

/// Runs one stream of 10 MiB at a time.
fn large(flags: &[&str]) -> Ran {
    let stream = "events = 160\ninterval = \"1ms\"\nsize = \"64KiB\"\nvus = 1\nrounds = 6\ninstances = 1";
    let ran = measured(&sidecar(flags, &format!("[stage.streaming]\n{stream}\n")));
    assert_eq!(ran.metric("errors/streaming_percent"), Some(0.0), "{}", ran.stdout);
    ran
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn memory_is_flat_over_a_long_stream_unless_it_is_buffered() {
    let _alone = alone();
    const MIB: f64 = 1_048_576.0;
    let flat = large(&[]).value("memory/stream_growth");
    assert!(flat < 3.0 * MIB, "{flat} bytes");
    let grown = large(&["--buffer"]).value("memory/stream_growth");
    assert!(grown >= 10.0 * MIB, "{grown} bytes");
}

/// Returns whether the interval of each of these metrics contains 0.
fn contain_0(ran: &Ran, ids: &[&str]) -> Vec<bool> {
    let judgement: Judgement = serde_json::from_value(ran.judgement().clone()).unwrap();
    let contains = |id: &&str| {
        let estimate = judgement.metric(id).unwrap().estimate().unwrap();
        let interval = estimate.interval.unwrap();
        eprintln!("{id}: {:.4} [{:.4}, {:.4}]", estimate.point, interval.low, interval.high);
        interval.low <= 0.0 && interval.high >= 0.0
    };
    ids.iter().map(contains).collect()
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn streams_without_a_target_have_no_added_delay() {
    let _alone = alone();
    // Both arms lead to the upstream.
    let proxy = "proxy = \"http://127.0.0.1:{port.proxy}\"";
    let scenario = sidecar(&[], &short("")).replace(proxy, "proxy = \"{upstream.url}\"");
    let ids = ["stream/event_added_p50", "stream/first_added_p50", "stream/gap_added_p50", "stream/coalescing_percent"];
    let mut contained = [0; 4];
    for seed in 0..20 {
        let ran = measured(&scenario.replace("seed = 42", &format!("seed = {seed}")));
        contain_0(&ran, &ids).into_iter().zip(&mut contained).for_each(|(contains, sum)| *sum += u32::from(contains));
    }
    eprintln!("{contained:?} of 20 intervals contain 0");
    assert!(contained.iter().all(|contained| *contained >= 17), "{contained:?} of 20 for {ids:?}");
}

/// Runs a stage whose streams are left after three events.
fn left(flags: &[&str]) -> Ran {
    let stage = short("leave_after = 3").replace("events = 12", "events = 16").replace("48ms", "64ms");
    let ran = measured(&sidecar(flags, &stage));
    ran.expect_code(0);
    let found = found(&ran);
    assert_eq!((found.direct.wrong(), found.proxied.wrong()), (0, 0), "{found:#?}");
    let direct = streams(&ran, Arm::Direct).cancels.expect("streams were left");
    assert_eq!(direct.missed, 0, "{direct:?}");
    ran
}

#[test]
fn the_time_until_the_upstream_notices_that_a_client_is_gone_is_found() {
    let _alone = alone();
    settled("time until the upstream notices − 20, in ms", 0.0..=1.0, || {
        let late = left(&["--cancel-after", "20ms"]);
        assert_eq!(late.value("stream/uncancelled_percent"), 0.0);
        late.value("stream/cancel_p50") - 20.0
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_target_cancels_at_once_unless_it_reads_on_for_ever() {
    let _alone = alone();
    let at_once = left(&[]);
    assert_eq!(at_once.value("stream/uncancelled_percent"), 0.0);
    assert!(at_once.value("stream/cancel_p50") < 5.0, "{}", at_once.stdout);
    let ran = left(&["--cancel-after", "1h"]);
    assert_eq!(ran.value("stream/uncancelled_percent"), 100.0);
    assert!(ran.value("stream/cancel_p99") >= 299.0, "{}", ran.stdout);
}
