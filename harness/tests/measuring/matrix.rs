//! `[matrix]`: its cells take turns, and each shows its own truth.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::alone;
use crate::support::{Ran, measured, recovered, recovered_from, settled, sidecar, sidecar_on_tls};
use harness::measure::Record;
use harness::verdict::Judgement;

/// Returns a generator of random numbers that differs between runs, and prints its seed.
fn drawn() -> ChaCha8Rng {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    eprintln!("seed {seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

const STAGE: &str = "[stage.capacity]\npaired = false\nrounds = 6\nwarmup = \"50ms\"\nwindow = \"150ms\"\n";

/// Returns the instances in the order in which they were started: the cell and the index of each.
fn starts(record: &Record) -> Vec<(&str, u32)> {
    let of = |stage: &'_ harness::measure::StageRecord| {
        stage.instances.iter().map(|one| (one.launch.spawned, one.index)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> =
        record.stages.iter().flat_map(|stage| of(stage).into_iter().map(|one| (one, stage.name.as_str()))).collect();
    all.sort_by_key(|((spawned, _), _)| *spawned);
    all.into_iter().map(|((_, index), name)| (name, index)).collect()
}

fn assert_that_cells_take_turns(record: &Record) {
    let starts = starts(record);
    assert_eq!(starts.len(), 20, "{starts:?}");
    let turns: Vec<Vec<&str>> = starts.chunks(4).map(|turn| turn.iter().map(|(name, _)| *name).collect()).collect();
    for (turn, cells) in turns.iter().enumerate() {
        assert!(starts[turn * 4..][..4].iter().all(|(_, index)| *index as usize == turn), "{starts:?}");
        assert!((0..4).all(|place| !cells[..place].contains(&cells[place])), "{starts:?}");
    }
    for pair in turns.chunks_exact(2) {
        assert!(pair[0].iter().eq(pair[1].iter().rev()), "the second turn has the opposite order: {starts:?}");
    }
}

#[test]
fn cells_take_turns_and_each_has_the_delay_of_its_upstream() {
    let _alone = alone();
    let mut random = drawn();
    let (short, long) = (random.random_range(3_000..5_000_u64), random.random_range(9_000..14_000_u64));
    let matrix = format!(
        "[matrix]\n\"upstream.builtin.delay\" = [\"{short}us\", \"{long}us\"]\n\"stage.capacity.vus\" = [1, 4]\n{STAGE}"
    );
    let measure = || {
        let ran = measured(&sidecar(&[], &matrix));
        ran.expect_code(0);
        ran
    };
    let first = measure();
    assert_that_cells_take_turns(&first.record());
    // The path through the sidecar is the same in both cells of a number of users, so the difference is that of the delays.
    let added = |ran: &Ran| {
        let p50 = |delay: u64| ran.value(&format!("latency/capacity_p50@capacity-{delay}us-1vus"));
        (p50(long) - p50(short), (long - short) as f64 / 1e3)
    };
    recovered_from(0.05, "added by the longer delay, in ms", &first, measure, added);
    // Requests that wait for a timer do not disturb each other.
    let users = |ran: &Ran| {
        let rate = |vus: u64| ran.value(&format!("throughput/rps_{vus}vu@capacity-{long}us-{vus}vus"));
        (rate(4) / rate(1), 4.0)
    };
    recovered_from(0.1, "rate of four users ÷ rate of one", &first, measure, users);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn each_cell_has_the_flags_of_its_target() {
    let _alone = alone();
    let mut random = drawn();
    let added = [random.random_range(1_500..2_500_u64), random.random_range(5_000..7_000_u64)];
    let command = |added: u64| {
        format!(
            "{{ name = \"{added}us\", \"target.process.command\" = [\"builtin:sidecar\", \"--listen\", \"127.0.0.1:{{port.proxy}}\", \"--admin\", \
             \"127.0.0.1:{{port.admin}}\", \"--upstream\", \"{{upstream.url}}\", \"--add-latency\", \"{added}us\"] }}"
        )
    };
    let [short, long] = added.map(command);
    let stage = "[stage.overhead]\nrate = \"200/s\"\nrounds = 10\nwarmup = \"100ms\"\nwindow = \"400ms\"\n";
    let scenario = sidecar(&[], &format!("[matrix]\nadded = [{short}, {long}]\n{stage}"));
    recovered(0.1, "added by the flag of the second cell, in ms", || {
        let ran = measured(&scenario);
        ran.expect_code(0);
        let [short, long] = added.map(|added| ran.value(&format!("overhead/latency_p50@overhead-{added}us")));
        (long - short, (added[1] - added[0]) as f64 / 1e3)
    });
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn wires_with_and_without_tls_are_cells_of_one_run() {
    let _alone = alone();
    let cells = "[matrix]\nwire = [\n\
         { \"generator.wire\" = \"tls\", \"target.process.env.RUST_LOG\" = \"error\" },\n\
         { \"generator.wire\" = \"h2\", \"target.process.env.RUST_LOG\" = \"error\" },\n]\n";
    let ran = measured(&sidecar_on_tls(&[], &format!("{cells}{STAGE}vus = 4\n")));
    ran.expect_code(0);
    for wire in ["tls", "h2"] {
        assert!(ran.value(&format!("throughput/rps_4vu@capacity-{wire}")) > 0.0, "{wire}");
        assert_eq!(ran.metric(&format!("errors/capacity_percent@capacity-{wire}")), Some(0.0));
    }
}

/// Returns the rates of all cells with their intervals.
fn rates(ran: &Ran) -> Vec<(String, f64, f64)> {
    let judgement: Judgement = serde_json::from_value(ran.judgement().clone()).unwrap();
    let rates = judgement.metrics.iter().filter(|metric| metric.id.starts_with("throughput/rps_"));
    let interval = |id: &str| {
        judgement
            .metric(id)
            .and_then(|metric| metric.estimate()?.interval)
            .unwrap_or_else(|| panic!("{id} has no interval"))
    };
    rates.map(|metric| (metric.id.clone(), interval(&metric.id).low, interval(&metric.id).high)).collect()
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn two_runs_of_the_shipped_matrix_agree_in_14_of_15_cells() {
    let _alone = alone();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/matrix.toml")).unwrap();
    let agreeing = || {
        let [one, other] = [(); 2].map(|()| {
            let ran = measured(&text);
            ran.expect_code(0);
            rates(&ran)
        });
        assert_eq!((one.len(), other.len()), (15, 15));
        let overlaps = |(one, other): &(&(String, f64, f64), &(String, f64, f64))| one.1 <= other.2 && other.1 <= one.2;
        let pairs = one.iter().zip(&other);
        pairs.clone().filter(|pair| !overlaps(pair)).for_each(|pair| eprintln!("apart: {pair:?}"));
        pairs.filter(overlaps).count() as f64
    };
    settled("cells that agree", 14.0..=15.0, agreeing);
}
