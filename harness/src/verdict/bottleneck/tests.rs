//! Checks each rule with a trial made for it, which rule decides if several hold, and the message if a value is missing.

mod made;

use super::*;
use crate::measure::Arm;
use crate::measure::group::{GroupUsage, ResourceLimits};
use crate::measure::record::RoundStatus;
use crate::measure::usage::ProcessUsage;
use harness_base::units::Rate;
use made::*;

type Change = fn(&mut StageRecord);

/// A cause for each rule, in the order of the table, and its message.
const CAUSES: [(Bound, Change, &str); 10] = [
    (Bound::HostSteal, steals, "the hypervisor took 31.0 % of the CPU time"),
    (
        Bound::Throttled,
        throttles,
        "its CPU limit throttled the target in 90.0 % of the periods: it used 0.49 of 0.5 CPUs",
    ),
    (Bound::Memory, swaps, "a task of the host waited for memory for 23.0 % of the window"),
    (Bound::TargetCpu, burns_all, "the target used 1.97 of 2 CPUs"),
    (
        Bound::TargetThread,
        burns_one,
        "its busiest thread (worker) was runnable for 100 % of the window; the target used 1.02 of 2 CPUs",
    ),
    (
        Bound::Generator,
        starves,
        "a thread of the generator was runnable for 99.0 % of the window; the target used 0.05 of 2 CPUs",
    ),
    (
        Bound::Upstream,
        upstream_burns,
        "a thread of the upstream was runnable for 97.0 % of the window; the target used 0.05 of 2 CPUs",
    ),
    (Bound::SharedCpus, shares, "all 2 CPUs were in use: the target used 1.05, the generator 0.60, the upstream 0.25"),
    (
        Bound::Upstream,
        upstream_waits_too,
        "a request takes 12.0 ms through the target and 11.0 ms without it; the target used 0.05 of 2 CPUs",
    ),
    (
        Bound::Latency,
        nothing,
        "no resource was saturated: 12 users ÷ 12.0 ms for a request = 1,000 req/s; the target used 0.05 of 2 CPUs, its busiest thread \
         was runnable for 3.00 % of the window",
    ),
];

fn found(change: impl FnOnce(&mut StageRecord)) -> Bottleneck {
    let mut stage = quiet();
    change(&mut stage);
    of(&stage).unwrap()
}

#[test]
fn every_rule_finds_its_cause_and_names_the_evidence() {
    for ((bound, cause, message), rule) in CAUSES.into_iter().zip(&RULES) {
        let expected = Bottleneck { by: bound, message: message.to_owned(), rounds: 1, of: 1 };
        assert_eq!((rule.bound, found(cause)), (bound, expected));
    }
}

#[test]
fn of_several_causes_the_one_that_is_asked_first_decides() {
    let mut stage = quiet();
    for (bound, cause, _) in CAUSES.into_iter().rev() {
        cause(&mut stage);
        assert_eq!(of(&stage).unwrap().by, bound);
    }
}

#[test]
fn of_several_who_are_busy_the_one_who_used_the_most_cpu_time_is_it() {
    // The target's thread was ready to run all the time, and mostly waited for the CPU that the generator had.
    let waits = |stage: &mut StageRecord, generator: f64| {
        uses(stage, 0.3);
        threads(stage, (0.3, 0.7), (0.28, 0.68));
        last(stage).generator = process(generator);
    };
    assert_eq!(found(|stage| waits(stage, 0.95)).by, Bound::Generator);
    // The generator was ready to run, and mostly waited for the CPU that the target had.
    let starved = found(|stage| {
        burns_one(stage);
        last(stage).generator = Some(ProcessUsage { threads: Some(vec![thread(0.1, 0.88)]), ..process(0.1).unwrap() });
    });
    assert_eq!(starved.by, Bound::TargetThread);
}

#[test]
fn waiting_for_a_cpu_counts_where_there_was_none() {
    let wants = |stage: &mut StageRecord, busy: f64| {
        uses(stage, 1.2);
        threads(stage, (1.2, 0.75), (0.5, 0.3));
        last(stage).host.busy_ns = ns(busy);
    };
    let crowded = found(|stage| wants(stage, 1.98));
    assert_eq!(crowded.by, Bound::TargetCpu);
    assert_eq!(crowded.message, "the target used 1.20 of 2 CPUs and waited for 0.75 more");
    assert_eq!(found(|stage| wants(stage, 1.4)).by, Bound::Latency, "CPUs were idle");
    let limited = found(|stage| {
        wants(stage, 1.98);
        stage.limits = Some(ResourceLimits { cpus: Some(1.9), ..ResourceLimits::default() });
        groups(
            stage,
            GroupUsage { periods: Some(0), ..GroupUsage::default() },
            GroupUsage { periods: Some(10), throttled_periods: Some(1), ..GroupUsage::default() },
        );
    });
    assert_eq!(limited.by, Bound::SharedCpus, "waiting for the next period is not waiting for a CPU: {limited:?}");
    let pinned = found(|stage| {
        wants(stage, 1.4);
        (proxied(stage).target_cpus, last(stage).target.as_mut().unwrap().cpu_ns) = (Some(1.0), ns(0.6));
    });
    assert_eq!(pinned.by, Bound::TargetCpu, "its cpuset kept it from the idle one");
}

#[test]
fn memory_is_reported_by_its_group_by_pages_and_by_its_limit() {
    let stalled = |first: u64, second: u64| {
        found(|stage| {
            let at = |ns| GroupUsage { memory_stall_ns: Some(ns), ..GroupUsage::default() };
            swaps(stage);
            groups(stage, at(first), at(second));
        })
    };
    assert_eq!(
        stalled(0, ns(0.3)).message,
        "a task of the target's control group waited for memory for 30.0 % of the window"
    );
    assert_eq!(stalled(ns(0.3), ns(0.3)).by, Bound::Latency, "somebody else waited");
    let pages = found(|stage| last(stage).target.as_mut().unwrap().major_faults = Some(255));
    assert_eq!(
        (pages.by, pages.message.as_str()),
        (Bound::Memory, "0.25 pages were read from a disk for each request")
    );
    let hits = found(|stage| {
        let at = |hits| GroupUsage { limit_hits: Some(hits), ..GroupUsage::default() };
        groups(stage, at(1), at(501));
    });
    assert_eq!(hits.message, "the target ran into its memory limit 0.50 times for each request");
}

#[test]
fn a_known_delay_stands_for_a_direct_arm_that_did_not_run() {
    let unpaired = |delay_ms: u64| {
        found(|stage| {
            stage.instances[0].rounds[0].trials.remove(0);
            stage.upstream_delay_ns = Some(delay_ms * 1_000_000);
        })
    };
    let slow = unpaired(11);
    let message =
        "the upstream holds a response back for 11.0 ms of the 12.0 ms of a request; the target used 0.05 of 2 CPUs";
    assert_eq!((slow.by, slow.message.as_str()), (Bound::Upstream, message));
    assert_eq!(unpaired(9).by, Bound::Latency);
    let unseen = found(|stage| {
        stage.instances[0].rounds[0].trials.remove(0);
        proxied(stage).readings.0.iter_mut().for_each(|reading| reading.upstream = None);
    });
    assert!(
        unseen.by == Bound::Latency && unseen.message.ends_with("servers behind the target were not observed"),
        "{unseen:?}"
    );
}

#[test]
fn missing_values_are_named_and_never_taken_for_idle() {
    let unknown = |change: Change, why: &str| {
        let found = found(change);
        assert!(found.by == Bound::Unknown && found.message.contains(why), "{why}: {found:?}");
    };
    unknown(|stage| proxied(stage).readings.0.clear(), "the CPU time of the host was not read");
    unknown(|stage| last(stage).target = None, "the target was not read at both ends");
    unknown(|stage| last(stage).generator = None, "the threads of the generator were not read");
    unknown(
        |stage| {
            uses(stage, 1.2);
            proxied(stage).target_threads = None;
        },
        "the CPU times of the target's threads were not recorded",
    );
    unknown(
        |stage| {
            last(stage).host.memory_stall_ns = None;
            last(stage).target.as_mut().unwrap().major_faults = None;
        },
        "whether the target waited for memory was not recorded",
    );
    unknown(
        |stage| stage.limits = Some(ResourceLimits { cpus: Some(0.5), ..ResourceLimits::default() }),
        "the control group of the target was not read",
    );
    unknown(|stage| proxied(stage).load.latencies = crate::measure::Latencies::default(), "no request was answered");
    unknown(|stage| proxied(stage).load.completed_in_window = 300, "= 1,000 req/s, and 300 req/s were found");
    // The known values still decide.
    let slow = found(|stage| {
        upstream_waits_too(stage);
        proxied(stage).target_threads = None;
        last(stage).target.as_mut().unwrap().major_faults = None;
    });
    assert_eq!(slow.by, Bound::Upstream);
}

#[test]
fn a_record_of_an_older_harness_reports_what_it_can() {
    let old = |change: Change| {
        found(|stage| {
            change(stage);
            (proxied(stage).target_cpus, proxied(stage).target_threads) = (None, None);
            for reading in &mut proxied(stage).readings.0 {
                reading.host.memory_stall_ns = None;
                reading.target.as_mut().unwrap().major_faults = None;
            }
        })
    };
    assert_eq!(old(burns_all).message, "the target used 1.97 of 2 CPUs");
    assert_eq!((old(burns_one).by, old(starves).by), (Bound::Unknown, Bound::Generator));
    assert_eq!(old(nothing).by, Bound::Unknown);
    let without_threads = found(|stage| proxied(stage).target_threads = None);
    assert_eq!(without_threads.by, Bound::Latency, "no thread was busy where CPUs were idle and hardly one was used");
}

#[test]
fn the_bound_of_most_valid_rounds_is_that_of_the_stage() {
    let with = |change: Change, rps: u64| {
        let mut stage = quiet();
        change(&mut stage);
        proxied(&mut stage).load.completed_in_window = rps;
        stage.instances.remove(0).rounds.remove(0).trials
    };
    let mut stage = stage_of(vec![
        with(nothing, 1_000),
        with(burns_one, 800),
        with(|stage| uses(stage, 1.95), 700),
        with(burns_all, 900),
        with(|stage| uses(stage, 1.91), 950),
        with(starves, 1_000),
        vec![trial(Arm::Direct, 1)],
    ]);
    let most = of(&stage).unwrap();
    assert_eq!((most.by, most.rounds, most.of), (Bound::TargetCpu, 3, 6));
    assert_eq!(most.message, "the target used 1.97 of 2 CPUs", "the round in the middle, at 900 req/s");
    assert_eq!(most.headline(), "bounded by target CPU in 3 of 6 rounds");
    let rounds = &mut stage.instances[0].rounds;
    rounds[2].status = RoundStatus::Rejected;
    rounds[3].status = RoundStatus::WarmUp;
    let tied = of(&stage).unwrap();
    assert_eq!((tied.by, tied.rounds, tied.of), (Bound::TargetCpu, 1, 4), "of equals, the one that is asked first");
    stage.offered = Some(Pace::constant(Rate(1_000.0)));
    assert_eq!(of(&stage), None, "an offered rate has no bottleneck");
    assert_eq!(of(&stage_of(Vec::new())), None);
    let unknown = stage_of(vec![with(|stage| last(stage).target = None, 1_000), with(nothing, 1_000)]);
    assert_eq!(of(&unknown).unwrap().by, Bound::Latency, "a known bound takes precedence over an unknown one");
}
