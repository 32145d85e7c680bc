//! Writes two results of at least BYTES bytes into DIR, `base.json` and `head.json`, from the made-up run that the tests use:
//! what `scripts/bench-compare` compares.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "an example may fail loudly")]

#[path = "../tests/support/sample.rs"]
mod sample;

use std::path::Path;

use harness::measure::Record;
use harness::verdict::{Options, Stored, judge};

/// The run with its stage `capacity` over and over, until its result has `bytes`, less the last rounds that it has beyond them.
fn of_size(bytes: usize) -> Stored {
    let mut record = sample::record();
    let capacity = record.stages.last().cloned().unwrap();
    while size(&record) < bytes {
        let name = format!("capacity-{}", record.stages.len());
        record.stages.push(harness::measure::StageRecord { name, ..capacity.clone() });
    }
    let whole = record.clone();
    for rounds in 1.. {
        let mut smaller = whole.clone();
        let instance = smaller.stages.last_mut().and_then(|stage| stage.instances.last_mut()).unwrap();
        instance.rounds.truncate(instance.rounds.len() - rounds);
        if instance.rounds.is_empty() || size(&smaller) < bytes {
            break;
        }
        record = smaller;
    }
    stored(&record)
}

fn size(record: &Record) -> usize {
    serde_json::to_vec(&stored(record)).unwrap().len()
}

fn stored(record: &Record) -> Stored {
    Stored::new(record.clone(), judge(record, &[], Options::default())).unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, bytes] = arguments.as_slice() else { panic!("make_results DIR BYTES") };
    let base = of_size(bytes.parse().unwrap());
    let mut record = base.record.clone();
    record.run_id = "20261121T183005Z-4f1d".to_owned();
    base.write(&Path::new(folder).join("base.json")).unwrap();
    stored(&record).write(&Path::new(folder).join("head.json")).unwrap();
}
