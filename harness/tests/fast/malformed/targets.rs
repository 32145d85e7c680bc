//! What broken input is given to: every reader of files that people and other tools write. A panic is a finding, and so is an error
//! that does not name its place, or a number that is none.

use std::path::{Path, PathBuf};

use harness::measure::{Record, journal};
use harness::plan::{self, Plan};
use harness::report::{FORMATS, Summary};
use harness::scenario::{self, Scenario};
use harness::verdict::{Context, Options, gate, judge, stored};
use harness::{baseline, interop};

/// What is fed with a text.
pub type Target = fn(&str);

/// Every one of them with its name, which is also that of its folder in the corpus.
pub const TARGETS: [(&str, Target); 5] =
    [("scenario", scenario), ("record", record), ("journal", journal), ("baseline", baseline), ("interop", interop)];

fn given() -> &'static Path {
    Path::new("given.file")
}

fn named(error: &impl std::fmt::Display) {
    let message = error.to_string();
    assert!(message.contains("given.file"), "an error that does not name the file: {message}");
}

/// Returns the folder that relative paths of a scenario start from.
fn folder() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("scenarios")).find(|folder| folder.is_dir()).unwrap_or_default()
}

/// A scenario is refused with the place of every mistake, or can be planned and described.
pub fn scenario(text: &str) {
    match Scenario::parse(text, given(), folder(), &[]) {
        Err(error) => named(&error),
        Ok(scenario) => {
            for quick in [false, true] {
                let plan = Plan::new(&scenario, &plan::Options { quick, ..plan::Options::default() });
                assert!(!plan.unwrap().to_string().is_empty());
            }
        }
    }
    drop((scenario::claims(text, &[]), gate::of_text(text, &[])));
}

/// A record is refused, or judged and rendered in every format. It is given without the digest, which broken ones would not match.
pub fn record(text: &str) {
    if let Err(error) = stored::parse_record(text, given()) {
        named(&error);
    }
    if let Ok(record) = serde_json::from_str::<Record>(text) {
        shown(&record);
    }
}

fn shown(record: &Record) {
    let facts = &record.scenario;
    let gates = gate::of_text(&facts.text, &facts.overrides);
    let options = Options { gates, context: Context::default(), ..Options::default() };
    let judgement = judge(record, &scenario::claims(&facts.text, &facts.overrides), options);
    for format in FORMATS {
        let Ok(shown) = format.render(&Summary::new(record, &judgement)) else { continue };
        let shown = String::from_utf8(shown).unwrap();
        // A name may have these letters.
        let none = shown.contains("NaN") && !serde_json::to_string(record).unwrap().contains("NaN");
        assert!(!none, "{} contains NaN", format.name());
    }
}

/// A journal is refused with the line, or is a record.
pub fn journal(text: &str) {
    match journal::replay(text.as_bytes()) {
        Ok(replay) => shown(&replay.record),
        Err(error) => {
            let message = error.to_string();
            let place = ["line ", "empty", "layout "].iter().any(|place| message.contains(place));
            assert!(place, "an error that does not name its place: {message}");
        }
    }
}

/// A baseline is refused, or written as it was read.
pub fn baseline(text: &str) {
    match baseline::parse(text, given()) {
        Err(error) => named(&error),
        Ok(read) => {
            let again = serde_json::to_string(&read).unwrap();
            assert_eq!(baseline::parse(&again, given()).unwrap(), read);
        }
    }
}

/// A file of another tool is refused, or holds numbers.
pub fn interop(text: &str) {
    match interop::parse(text, given()) {
        Err(error) => named(&error),
        Ok(numbers) => {
            for entry in &numbers.entries {
                let values = [entry.values.value, entry.values.p50, entry.values.p95];
                assert!(values.iter().flatten().all(|value| value.is_finite()), "{entry:?}");
            }
        }
    }
}
