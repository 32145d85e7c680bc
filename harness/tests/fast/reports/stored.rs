//! `result.json`: written, read, and refused.

use harness::measure::GroupUsage;
use harness::measure::journal::FILE as JOURNAL;
use harness::measure::journal::JournalLine;
use harness::report::schema;
use harness::verdict::Stored;
use harness::verdict::stored::{RESULT, open};
use serde_json::Value;

use super::formats::valid;
use super::*;

fn stored() -> Stored {
    let record = sample::record();
    let judgement = judged(&record, &[claim("overhead/latency_p50", true, 2.0)]);
    Stored::new(record, judgement).unwrap()
}

fn refused(text: &str) -> String {
    Stored::parse(text, Path::new("results/sidecar/last/result.json")).unwrap_err().to_string()
}

#[test]
fn a_stored_result_is_read_and_judged_the_same() {
    let folder = std::env::temp_dir().join(format!("harness-stored-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("result.json");
    let stored = stored();
    stored.write(&path).unwrap();
    let (size, read) = (std::fs::metadata(&path).unwrap().len(), Stored::read(&path));
    let left = std::fs::read_dir(&folder).unwrap().count();
    std::fs::remove_dir_all(&folder).unwrap();
    let read = read.unwrap();
    assert!(read == stored, "the record must survive JSON to the last bit");
    assert_eq!(judged(&read.record, &[claim("overhead/latency_p50", true, 2.0)]), stored.judgement);
    assert_eq!(left, 1, "no unfinished file stays");
    assert!(size <= 2_000_000, "{size} bytes for a run of default size");
    assert!(Stored::read(&path).unwrap_err().to_string().contains("does not exist; `harness run"));
}

#[test]
fn a_folder_is_opened_by_its_result_or_else_by_its_journal() {
    let folder = std::env::temp_dir().join(format!("harness-opened-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let nothing = open(&folder).unwrap_err().to_string();
    let stored = stored();
    let lines = JournalLine::of_record(&stored.record);
    let journal: String = lines[..lines.len() - 1].iter().map(|line| line.to_json().unwrap()).collect();
    std::fs::write(folder.join(JOURNAL), &journal).unwrap();
    let killed = open(&folder).unwrap();
    std::fs::write(folder.join(JOURNAL), journal.replacen('{', "[", 1)).unwrap();
    let damaged = open(&folder).unwrap_err().to_string();
    stored.write(&folder.join(RESULT)).unwrap();
    let whole = [open(&folder).unwrap(), open(&folder.join(RESULT)).unwrap()];
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(nothing.contains("result.json does not exist"), "{nothing}");
    assert!(killed.partial && killed.record.stages == stored.record.stages);
    assert!(damaged.contains("line 1 of the journal is damaged") && damaged.contains("harness run"), "{damaged}");
    assert!(whole.iter().all(|opened| !opened.partial && opened.record == stored.record));
}

#[test]
fn a_result_keeps_its_schema_and_nothing_else_does() {
    let json = serde_json::to_value(stored()).unwrap();
    valid(schema::RESULT, &json).unwrap();
    let mut rejected = 0;
    for pointer in ["/record", "/record/host", "/record/stages/3/instances/0/rounds/1/trials/0", "/judgement"] {
        let mut more = json.clone();
        more.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert("surprise".to_owned(), Value::from(1));
        rejected += i32::from(valid(schema::RESULT, &more).is_err());
        let mut less = json.clone();
        let object = less.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        let key = object.keys().next().unwrap().clone();
        object.remove(&key);
        rejected += i32::from(valid(schema::RESULT, &less).is_err());
    }
    assert_eq!(rejected, 8);
}

#[test]
fn every_ending_of_a_stage_keeps_the_schema() {
    let mut record = with_invalid_overhead();
    stage(&mut record, "idle").status = StageStatus::Incomplete;
    stage(&mut record, "startup").status = StageStatus::Skipped(sample::died("no Docker"));
    stage(&mut record, "capacity").status = StageStatus::Failed(sample::died("died"));
    let judgement = judged(&record, &[claim("latency/p50", true, 2.0)]);
    valid(schema::RESULT, &serde_json::to_value(Stored::new(record, judgement).unwrap()).unwrap()).unwrap();
}

#[test]
fn a_reading_with_a_control_group_keeps_the_schema() {
    let mut record = sample::record();
    let trial = &mut stage(&mut record, "overhead").instances[0].rounds[0].trials[0];
    let usage = GroupUsage { cpu_ns: Some(1), oom_kills: Some(0), ..GroupUsage::default() };
    trial.readings.0[0].group = Some(usage);
    let stored = Stored::new(record.clone(), judged(&record, &[])).unwrap();
    let json = serde_json::to_value(stored).unwrap();
    valid(schema::RESULT, &json).unwrap();
    assert_eq!(serde_json::from_value::<Stored>(json).unwrap().record, record);
}

#[test]
fn another_layout_of_the_same_file_is_the_same_result() {
    let stored = stored();
    let indented = serde_json::to_string_pretty(&stored).unwrap();
    assert!(Stored::parse(&indented, Path::new("result.json")).unwrap() == stored);
}

#[test]
fn each_thing_that_can_be_wrong_has_its_own_answer() {
    let text = serde_json::to_string(&stored()).unwrap();
    let changed = text.replacen("\"scheduled\":3000", "\"scheduled\":3001", 1);
    assert_ne!(changed, text);
    let said = refused(&changed);
    assert!(said.contains("was changed after the run") && said.contains("harness run"), "{said}");

    // A field that only a newer harness knows is not an unknown field.
    let newer = text.replacen("\"schema_version\":2", "\"schema_version\":3,\"planned_by\":\"hub\"", 1);
    let said = refused(&newer);
    assert!(said.contains("newer harness: layout 3, this one reads up to 2"), "{said}");
    let said = refused(&text.replacen("\"schema_version\":2", "\"schema_version\":1", 1));
    assert!(said.contains("older harness: layout 1, this one reads 2"), "{said}");

    let said = refused(&text[..text.len() / 2]);
    assert!(said.contains("is not JSON") && said.contains("harness report results/sidecar/last"), "{said}");

    for other in ["{}", "[]", "{\"latency/p50\": {\"latency\": {\"value\": 1}}}"] {
        let said = refused(other);
        assert!(said.contains("is not a result of `harness run`") && said.contains("harness validate"), "{said}");
    }
    let said = refused(&text.replacen("\"judgement\":{", "\"judgement\":{\"opinion\":1,", 1));
    assert!(said.contains("unknown field `opinion`"), "{said}");
}
