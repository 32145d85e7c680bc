//! The journal: read again, it is the record.

use harness::measure::ThreadsUsage;
use harness::measure::Warning;
use harness::measure::audit::{OwnProcess, Tag};
use harness::measure::journal::{Error, JournalLine, replay};
use harness::measure::latency::LatencyHistogram;
use harness::measure::record::{InstanceRecord, RoundRecord, RoundStatus, SCHEMA_VERSION, StageKind};
use harness::measure::trial::TrialRecord;
use harness::measure::usage::{Reading, Series};
use harness::measure::{Arm, LoadFacts, Pace};
use harness::measure::{InstanceFacts, StageFacts};
use harness_base::units::{Nanos, Rate};
use proptest::prelude::*;

use super::*;

fn written(lines: &[JournalLine]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.to_json().unwrap().into_bytes()).collect()
}

fn trial(rate: f64, in_flight: f64, spans: &[u64]) -> TrialRecord {
    let mut response = LatencyHistogram::default();
    spans.iter().for_each(|span| response.record(Nanos(*span)));
    let mut load = LoadFacts { mean_in_flight: in_flight, scheduled: spans.len() as u64, ..LoadFacts::default() };
    load.latencies.response = response;
    let arm = if spans.len().is_multiple_of(2) { Arm::Direct } else { Arm::Proxied };
    TrialRecord {
        connections: 10,
        readings: Series(vec![Reading::default()]),
        peak_rss_bytes: spans.first().copied(),
        target_cpus: spans.first().map(|_| 0.5),
        target_threads: spans.first().map(|span| ThreadsUsage { span_ns: *span, ..ThreadsUsage::default() }),
        tags: vec![Tag::CoLocated { process: OwnProcess::Generator, share: 0.93 }],
        ..TrialRecord::new(arm, Pace::constant(Rate(rate)), load)
    }
}

fn trials() -> impl Strategy<Value = TrialRecord> {
    let spans = prop::collection::vec(1..120_000_000_000_u64, 0..6);
    (1e-6..1e9, 0.0..1e6, spans).prop_map(|(rate, in_flight, spans)| trial(rate, in_flight, &spans))
}

fn rounds() -> impl Strategy<Value = Vec<RoundRecord>> {
    let status = prop::sample::select(vec![
        RoundStatus::WarmUp,
        RoundStatus::Valid,
        RoundStatus::Rejected,
        RoundStatus::Incomplete,
    ]);
    let round = (status, prop::collection::vec(trials(), 0..3));
    prop::collection::vec(round, 0..4).prop_map(|rounds| {
        (0..).zip(rounds).map(|(index, (status, trials))| RoundRecord { index, status, trials }).collect()
    })
}

fn stages() -> impl Strategy<Value = Vec<StageRecord>> {
    let status = prop::sample::select(vec![
        StageStatus::Valid,
        StageStatus::Incomplete,
        StageStatus::Invalid(vec![sample::steal(), sample::steal()]),
        StageStatus::Skipped(sample::died("no Docker")),
    ]);
    let kind = prop::sample::select(StageKind::ALL.to_vec());
    let stage = (status, kind, any::<bool>(), prop::collection::vec(rounds(), 0..3), any::<u64>());
    prop::collection::vec(stage, 0..4).prop_map(|stages| {
        let made =
            stages.into_iter().enumerate().map(|(place, (status, kind, optional, instances, wanted))| StageRecord {
                name: format!("stage-{place}"),
                facts: StageFacts::new(kind),
                status,
                optional,
                wanted,
                warnings: vec![Warning::HeadOnly],
                instances: (0..)
                    .zip(instances)
                    .map(|(index, rounds)| InstanceRecord {
                        index,
                        rounds,
                        facts: InstanceFacts::new(kind),
                        ..InstanceRecord::default()
                    })
                    .collect(),
                ..StageRecord::default()
            });
        made.collect()
    })
}

fn records() -> impl Strategy<Value = Record> {
    (stages(), any::<bool>(), prop::option::of(0.0..1.0), 0.0..1e3, any::<u64>()).prop_map(
        |(stages, interrupted, sampler_cost_ratio, load_average, took_ns)| {
            let schema_version = SCHEMA_VERSION;
            let mut record =
                Record { schema_version, stages, interrupted, sampler_cost_ratio, took_ns, ..Record::default() };
            record.host.load_average = load_average;
            record
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_what_was_written_gives_the_record(record in records()) {
        let replayed = replay(&written(&JournalLine::of_record(&record))).unwrap();
        prop_assert!(replayed.complete);
        prop_assert_eq!(replayed.record, record);
    }

    #[test]
    fn a_journal_cut_anywhere_is_read_up_to_its_last_whole_line(record in records(), share in 0.0..1.0_f64) {
        let lines = JournalLine::of_record(&record);
        let bytes = written(&lines);
        let cut = &bytes[..(bytes.len() as f64 * share) as usize];
        let whole = cut.iter().filter(|byte| **byte == b'\n').count();
        match replay(cut) {
            Err(error) => prop_assert!(whole == 0 && matches!(error, Error::Empty)),
            Ok(replayed) => {
                prop_assert!(!replayed.complete && replayed.record.interrupted);
                prop_assert_eq!(replayed, replay(&written(&lines[..whole])).unwrap());
            }
        }
    }
}

#[test]
fn a_killed_run_is_reported_as_partial_with_what_it_had() {
    let record = sample::record();
    let lines = JournalLine::of_record(&record);
    let overhead =
        lines.iter().position(|line| matches!(line, JournalLine::StageEnd { stage, .. } if stage == "overhead"));
    let replayed = replay(&written(&lines[..overhead.unwrap()])).unwrap();
    assert_eq!(replayed.record.stages[..3], record.stages[..3]);
    // Until its end was written, a stage's line says what the run believed: here the sample's "valid" from the outset.
    let mut partial = replayed.record;
    stage(&mut partial, "overhead").status = StageStatus::Incomplete;
    let judgement = judged(&partial, &[]);
    assert_eq!(judgement.exit, harness_base::exit::Exit::Interrupted);
    assert!(judgement.metric("startup/to_ready").and_then(|metric| metric.estimate()).is_some());
    assert!(judgement.metric("latency/p50").and_then(|metric| metric.absence()).is_some());
    let summary = Summary::new(&partial, &judgement).partial(!replayed.complete);
    let text = String::from_utf8(format("table").unwrap().render(&summary).unwrap()).unwrap();
    assert!(text.starts_with("INTERRUPTED: stopped in stage overhead") && text.contains("partial"), "{text}");
}

#[test]
fn a_damaged_line_is_named_by_its_number() {
    let lines = JournalLine::of_record(&sample::record());
    let mut bytes = written(&lines[..3]);
    bytes.extend(b"{\"round\": oops}\n");
    bytes.extend(written(&lines[3..4]));
    let said = replay(&bytes).unwrap_err().to_string();
    assert!(said.starts_with("line 4 of the journal is damaged"), "{said}");
    let said = replay(&written(&lines[2..4])).unwrap_err().to_string();
    assert!(said.starts_with("line 1 of the journal refers to a run"), "{said}");
    let said = replay(&[written(&lines[..1]), written(&lines[lines.len() - 2..])].concat()).unwrap_err().to_string();
    assert!(said.contains("line 2 of the journal refers to stage capacity"), "{said}");
}

#[test]
fn a_later_line_about_an_instance_keeps_its_rounds() {
    let record = sample::record();
    let mut lines = JournalLine::of_record(&record);
    let mut stopped = record.stages[4].instances[0].clone();
    stopped.launch.killed = true;
    lines.insert(lines.len() - 2, JournalLine::instance("capacity", &stopped));
    let replayed = replay(&written(&lines)).unwrap().record;
    assert_eq!(replayed.stages[4].instances[0], stopped);
}

#[test]
fn a_journal_of_another_version_says_which_harness_made_it() {
    let line = |version: &str| {
        let run = JournalLine::run(&crate::sample::record()).to_json().unwrap();
        run.replacen("\"schema_version\":2", version, 1).into_bytes()
    };
    let newer = replay(&line("\"schema_version\":3,\"planned_by\":\"hub\"")).unwrap_err().to_string();
    assert!(newer.starts_with("made by a newer harness: layout 3, this one reads up to 2"), "{newer}");
    let older = replay(&line("\"schema_version\":1")).unwrap_err().to_string();
    assert!(older.starts_with("made by an older harness: layout 1, this one reads 2"), "{older}");
}
