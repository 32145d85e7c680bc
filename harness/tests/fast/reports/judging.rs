//! Judges records.

use harness::measure::trial::Build;
use harness::verdict::judgement::ClaimState;
use harness::verdict::{FailOn, Options, judge};
use harness_base::exit::Exit;

use super::*;

/// Returns a record whose only values are these startup times in milliseconds, one per launch.
fn launches(to_ready_ms: &[f64]) -> Record {
    Record { stages: vec![sample::startup(sample::launches(Build::Head, to_ready_ms))], ..Record::default() }
}

fn state(record: &Record, claim: &Claim) -> ClaimState {
    judged(record, std::slice::from_ref(claim)).targets[0].state
}

#[test]
fn claims_are_judged_at_the_ends_of_the_interval() {
    // Ten values: the interval is from the second to the ninth, here [2, 9].
    let record = launches(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
    let below = |bound| state(&record, &claim("startup/to_ready", true, bound));
    let above = |bound| state(&record, &claim("startup/to_ready", false, bound));
    for (bound, expected) in [
        (9.001, ClaimState::Met),
        (9.0, ClaimState::Undecided),
        (5.5, ClaimState::Undecided),
        (2.001, ClaimState::Undecided),
        (2.0, ClaimState::NotMet),
        (1.0, ClaimState::NotMet),
    ] {
        assert_eq!(below(bound), expected, "< {bound}");
    }
    for (bound, expected) in [
        (1.999, ClaimState::Met),
        (2.0, ClaimState::Undecided),
        (8.999, ClaimState::Undecided),
        (9.0, ClaimState::NotMet),
        (12.0, ClaimState::NotMet),
    ] {
        assert_eq!(above(bound), expected, "> {bound}");
    }
}

#[test]
fn a_tighter_claim_is_never_kept_better() {
    let record = sample::record();
    let goodness = |state| match state {
        ClaimState::Met => 2,
        ClaimState::Undecided => 1,
        _ => 0,
    };
    let bounds = (0..200).map(|step| 0.40 - f64::from(step) * 0.001);
    let states: Vec<i32> = bounds.map(|bound| goodness(state(&record, &claim("latency/p50", true, bound)))).collect();
    assert!(states.is_sorted_by(|looser, tighter| looser >= tighter), "{states:?}");
    assert_eq!((states.first(), states.last()), (Some(&2), Some(&0)));
}

#[test]
fn without_an_interval_nothing_is_decided_and_the_reason_is_given() {
    let record = launches(&[1.0, 1.0, 1.0, 1.0, 1.0]);
    let finding = judged(&record, &[claim("startup/to_ready", true, 100.0)]).targets.remove(0);
    assert_eq!(finding.state, ClaimState::Undecided);
    assert_eq!(finding.message, "1.00 ms, and an interval needs 6 values, there are 5");
}

#[test]
fn exact_metrics_are_decided_by_their_value_and_advisory_ones_not_at_all() {
    let record = sample::with_few_requests(sample::record());
    assert_eq!(state(&record, &claim("binary/size", true, 8_432_641.0)), ClaimState::Met);
    assert_eq!(state(&record, &claim("binary/size", true, 8_432_640.0)), ClaimState::NotMet);
    // 9,000 requests do not carry a p99; the 326,000 of stage capacity do.
    assert_eq!(state(&record, &claim("latency/p99", true, 50.0)), ClaimState::Undecided);
    assert_eq!(state(&record, &claim("latency/capacity_p99", true, 50.0)), ClaimState::Met);
}

#[test]
fn only_required_claims_change_the_ending() {
    let record = sample::with_few_requests(sample::record());
    let ending = |claim: Claim, fail_on| judge(&record, &[claim], Options { fail_on, ..Options::default() }).exit;
    let required = |metric: &str, bound| Claim { required: true, ..claim(metric, true, bound) };
    assert_eq!(ending(claim("memory/idle_rss", true, 20e6), FailOn::Block), Exit::Pass);
    assert_eq!(ending(required("memory/idle_rss", 20e6), FailOn::Block), Exit::Regressed);
    assert_eq!(ending(required("memory/idle_rss", 40e6), FailOn::Inconclusive), Exit::Pass);
    assert_eq!(ending(required("latency/p99", 50.0), FailOn::Block), Exit::Pass);
    assert_eq!(ending(claim("latency/p99", true, 50.0), FailOn::Alert), Exit::Pass);
    assert_eq!(ending(claim("latency/p99", true, 50.0), FailOn::Inconclusive), Exit::Regressed);
    // A required claim without a result is not a pass.
    assert_eq!(ending(required("overhead/percent_p50", 10.0), FailOn::Block), Exit::Invalid);
    assert_eq!(ending(required("latency/p50@no-such-stage", 10.0), FailOn::Block), Exit::Invalid);
}

#[test]
fn a_skipped_stage_is_said_aloud_and_its_required_claim_is_open() {
    let mut record = sample::record();
    let capacity = stage(&mut record, "capacity");
    capacity.status = StageStatus::Skipped(sample::died("Docker does not answer"));
    capacity.optional = true;
    let required = Claim { required: true, ..claim("throughput/rps_10vu", false, 10_000.0) };
    let judgement = judged(&record, std::slice::from_ref(&required));
    assert_eq!(judgement.exit, Exit::Pass);
    assert_eq!(judgement.targets[0].state, ClaimState::Absent);
    assert!(judgement.headline().contains("1 optional stage left out"), "{}", judgement.headline());
    let text = rendered("table", &record, &judgement);
    assert!(text.contains("stage capacity was skipped: Docker does not answer"), "{text}");
    assert_eq!(
        judge(&record, &[required], Options { fail_on: FailOn::Inconclusive, ..Options::default() }).exit,
        Exit::Regressed
    );
}

#[test]
fn an_invalid_stage_is_the_headline_and_has_no_numbers() {
    let mut record = with_invalid_overhead();
    let judgement = judged(&record, &[]);
    assert_eq!(judgement.exit, Exit::Invalid);
    assert!(
        judgement.headline().starts_with(
            "INVALID: stage overhead: 9.90 % of the offered 1,000,000/s was answered: \
             the generator cannot offer this rate on this host"
        ),
        "{}",
        judgement.headline()
    );
    let p50 = judgement.metric("latency/p50").unwrap();
    assert!(p50.absence() == Some("stage overhead is invalid") && p50.arms.is_none());
    stage(&mut record, "overhead").optional = true;
    assert_eq!(judged(&record, &[]).exit, Exit::Pass);
}

#[test]
fn a_run_of_optional_stages_of_which_none_is_valid_is_no_pass() {
    let mut record = sample::record();
    for stage in &mut record.stages {
        stage.status = StageStatus::Skipped(sample::died("Docker does not answer"));
        stage.optional = true;
    }
    let judgement = judged(&record, &[]);
    assert_eq!(judgement.exit, Exit::Invalid);
    assert!(judgement.headline().contains("none of them is valid"), "{}", judgement.headline());
}

#[test]
fn the_most_urgent_ending_wins_and_speaks_first() {
    let failed = |exit| StageStatus::Failed(sample::failure(&format!("because of {exit:?}"), exit));
    let mut record = with_invalid_overhead();
    let claims = [Claim { required: true, ..claim("memory/idle_rss", true, 20e6) }];
    let mut expect = |change: &dyn Fn(&mut Record), exit: Exit, first: &str| {
        change(&mut record);
        let judgement = judged(&record, &claims);
        assert_eq!(judgement.exit, exit);
        assert!(judgement.reasons()[0].contains(first), "{:?}", judgement.grounds);
        let reasons = judgement.reasons();
        assert!(reasons.iter().any(|reason| reason.contains("stage overhead")), "{:?}", judgement.grounds);
    };
    // The result of a valid stage stands, whatever else is invalid.
    expect(&|_| (), Exit::Regressed, "memory/idle_rss");
    for (name, exit) in [("capacity", Exit::TargetFailed), ("startup", Exit::InvalidInput), ("artifact", Exit::Usage)] {
        expect(&|record| stage(record, name).status = failed(exit), exit, &format!("because of {exit:?}"));
    }
    expect(&|record| record.interrupted = true, Exit::Interrupted, "stopped between two stages");
    expect(
        &|record| stage(record, "idle").status = StageStatus::Incomplete,
        Exit::Interrupted,
        "stopped in stage idle",
    );
}

#[test]
fn a_failure_is_one_ground() {
    let mut record = sample::record();
    stage(&mut record, "capacity").status = StageStatus::Failed(sample::died("the target died"));
    assert_eq!(judged(&record, &[]).reasons(), ["stage capacity: the target died"]);
}

#[test]
fn nothing_measured_is_no_pass() {
    assert_eq!(judged(&Record::default(), &[]).exit, Exit::Invalid);
    let mut record = sample::record();
    stage(&mut record, "idle").status = StageStatus::Incomplete;
    assert_eq!(judged(&record, &[]).exit, Exit::Invalid);
}

#[test]
fn overhead_is_the_median_of_the_paired_differences() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let metric = judgement.metric("overhead/latency_p50").unwrap();
    let (estimate, arms) = (metric.estimate().unwrap(), metric.arms.unwrap());
    // The sample is made with medians of 112 µs and 297 µs and the same pacer lag on both arms.
    assert!((estimate.point - 0.185).abs() < 0.006, "{}", estimate.point);
    assert_eq!(estimate.n, 10, "warm-up and rejected rounds do not count");
    assert!((arms.proxied.point - arms.direct.point - estimate.point).abs() < 0.006);
}
