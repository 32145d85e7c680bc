//! Writes two results of at least BYTES bytes into DIR, `base.json` and `head.json`, from the made-up run that the tests use:
//! what `scripts/bench-compare` compares.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "an example may fail loudly")]

#[path = "../tests/support/sample.rs"]
mod sample;

use std::path::Path;

use harness::measure::Record;
use harness::verdict::{Options, Stored, judge};

/// The run with its stage `capacity` over and over, until its result has `bytes`; a default run of one more stage adds as much.
fn of_size(bytes: usize) -> Stored {
    let mut record = sample::record();
    let capacity = record.stages.last().cloned().unwrap();
    loop {
        let stored = stored(&record);
        let size = serde_json::to_vec(&stored).unwrap().len();
        if size >= bytes {
            return stored;
        }
        let name = format!("capacity-{}", record.stages.len());
        record.stages.push(harness::measure::StageRecord { name, ..capacity.clone() });
    }
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
