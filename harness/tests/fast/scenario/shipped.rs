//! Scenarios of the folder `scenarios`.

use super::*;

fn shipped() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    paths
}

#[test]
fn every_shipped_scenario_reads_fits_its_schema_and_describes_itself_in_80_columns() {
    let schema = scenario::schema().to_string();
    for path in shipped() {
        let plan = Plan::read(&path, &[], &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!plan.stages.is_empty());
        assert_eq!(Some(plan.scenario.name.as_str()), path.file_stem().unwrap().to_str());
        let unset = plan.unset_variables();
        let others: Vec<&String> = plan.warnings.iter().filter(|text| !text.contains("is not set")).collect();
        let expected: &[&str] = match plan.scenario.name.as_str() {
            "smoke" => &["stage startup: 3 launches", "stage idle: 1 launches"],
            _ => &[],
        };
        assert!(others.iter().zip(expected).all(|(text, start)| text.starts_with(start)), "{others:?}");
        assert_eq!(others.len(), expected.len(), "{others:?}");
        assert!(unset.iter().all(|name| name.ends_with("_BIN") || name == "DATABASE_URL"), "{unset:?}");
        let value: toml::Value = toml::from_str(&plan.scenario.text).unwrap();
        let value = serde_json::to_value(value).unwrap();
        let faults = harness::report::validate::against(&schema, &value);
        assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        for line in plan.to_string().lines() {
            let breakable = line.get(10..).is_some_and(|text| text.trim().contains(' '));
            assert!(line.chars().count() <= 80 || !breakable, "{line}");
        }
    }
}

#[test]
fn smoke_takes_less_than_ten_seconds() {
    let plan = Plan::read(&folder().join("smoke.toml"), &[], &Options::default()).unwrap();
    assert!(plan.expected_duration() < Nanos::from_secs(9), "{}", plan.expected_duration());
    let kinds: Vec<StageKind> = plan.stages.iter().map(Stage::kind).collect();
    use StageKind::{Artifact, Capacity, Idle, Overhead, Startup};
    assert_eq!(kinds, [Artifact, Startup, Idle, Overhead, Capacity], "everything that needs no rights of its own");
}
