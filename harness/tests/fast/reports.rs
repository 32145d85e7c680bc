//! Every report of one made-up run: as it looks, and as other people's tools read it.
mod artifacts;
mod bencher;
mod calibration;
mod comment;
mod compared;
mod curve;
mod docs;
mod fleet;
mod formats;
mod guides;
mod html;
mod journal;
mod judging;
mod matrix;
mod pods;
mod requirements;
mod search;
mod small;
mod stored;
mod streaming;

use crate::sample;
use crate::support::snapshot::matches_file;
use std::path::Path;

use harness::measure::Record;
use harness::measure::audit::{Blame, Check, Found};
use harness::measure::reason::Problem;
use harness::measure::record::{StageRecord, StageStatus};
use harness::report::{Summary, format};
use harness::verdict::claim::Claim;
use harness::verdict::{Judgement, Options, judge};
use harness_base::units::Rate;

pub(super) fn claim(metric: &str, below: bool, bound: f64) -> Claim {
    Claim { metric: metric.to_owned(), bound, below, required: false, age: None }
}

fn judged(record: &Record, claims: &[Claim]) -> Judgement {
    judge(record, claims, Options::default())
}

fn stage<'a>(record: &'a mut Record, name: &str) -> &'a mut StageRecord {
    record.stages.iter_mut().find(|stage| stage.name == name).unwrap()
}

/// Returns the sample record with stage `overhead` found invalid.
fn with_invalid_overhead() -> Record {
    let mut record = sample::record();
    let achieved = Found::Achieved { share: 0.099, rate: Rate(1e6), limit: 0.99 };
    let broken = [achieved, Found::Unsent { unsent: 900_991, limit: 0 }]
        .map(|found| Problem::Broken(Check::new(found, false, Blame::Generator)).into());
    stage(&mut record, "overhead").status = StageStatus::Invalid(broken.to_vec());
    record
}

fn rendered(format_name: &str, record: &Record, judgement: &Judgement) -> String {
    let content = format(format_name).unwrap().render(&Summary::new(record, judgement)).unwrap();
    String::from_utf8(content).unwrap()
}
