//! The page that maps the requirements of other projects: no row is empty, and what a row names exists.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support;

const STATES: [&str; 4] = ["shown", "deviates", "not built", "out of scope"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// A row of a table: requirement, what shows it, state.
struct Row {
    requirement: String,
    shown: String,
    state: String,
}

fn rows() -> Vec<Row> {
    let text = page("harness/docs/requirements.md");
    let tables = text.split("\n## ").skip(1).flat_map(str::lines).filter(|line| line.starts_with('|'));
    let rows = tables.filter(|line| !line.starts_with("|---") && !line.starts_with("| requirement |"));
    let row = |line: &str| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let [requirement, shown, state] = cells.try_into().unwrap_or_else(|cells| panic!("{line}: {cells:?}"));
        Row { requirement, shown, state }
    };
    rows.map(row).collect()
}

/// Returns the texts between backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn no_row_is_empty_and_every_state_is_known() {
    let rows = rows();
    assert!(rows.len() > 80, "{} rows", rows.len());
    for Row { requirement, shown, state } in &rows {
        assert!(!requirement.is_empty() && shown.len() > 8, "{requirement}");
        assert!(STATES.contains(&state.as_str()), "{requirement}: {state:?}");
        let says_how = !code(shown).is_empty() || shown.contains("](");
        assert!(state != "shown" || says_how, "{requirement}: names neither a command nor a page");
    }
    let unique: BTreeSet<&str> = rows.iter().map(|row| row.requirement.as_str()).collect();
    assert_eq!(unique.len(), rows.len(), "a requirement has two rows");
}

#[test]
fn every_metric_of_req_obs_001_has_a_row_that_names_it() {
    let metrics = page("harness/docs/metrics.md");
    let mut seen = 0;
    for line in metrics.lines().filter(|line| line.starts_with("| `")) {
        let Some(id) =
            line.split('|').find_map(|cell| cell.split_whitespace().next().filter(|word| word.starts_with("M-")))
        else {
            continue;
        };
        let metric = code(line)[0].replace("{vus}", "10");
        let row = rows().into_iter().find(|row| row.requirement.split([' ', ',']).any(|word| word == id));
        let row = row.unwrap_or_else(|| panic!("{id} ({metric}) has no row"));
        assert!(code(&row.shown).contains(&metric.as_str()), "{id}: does not name {metric}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen} metrics");
}

#[test]
fn the_test_cases_and_the_acceptance_of_the_documents_have_rows() {
    let named: BTreeSet<String> = rows()
        .iter()
        .flat_map(|row| row.requirement.split([' ', ',']).map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    let cases = (1..=7).map(|number| format!("TC-OBS-00{number}"));
    let plan = (1..=10).map(|number| format!("T{number}"));
    let rest = ["B1", "B2", "M-START-002", "M-APPR-001"].map(ToOwned::to_owned);
    for id in cases.chain(plan).chain(rest) {
        assert!(named.contains(&id), "{id} has no row");
    }
}

#[test]
fn names_in_a_row_exist() {
    let metrics = page("harness/docs/metrics.md");
    let known: BTreeSet<String> = metrics
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| code(line)[0].replace("{vus}", "10"))
        .collect();
    let categories: BTreeSet<&str> = known.iter().filter_map(|id| id.split('/').next()).collect();
    let (mut commands, mut others) = (BTreeSet::new(), 0);
    for row in rows() {
        for text in code(&row.shown) {
            let first = text.split(' ').next().unwrap_or_default();
            let is_path = ["scripts/", "scenarios/", "harness/"].iter().any(|folder| first.starts_with(folder));
            match text.strip_prefix("harness ") {
                Some(arguments) => drop(commands.insert(arguments.to_owned())),
                None if is_path => {
                    assert!(root().join(first).exists(), "{}: there is no {first}", row.requirement);
                    others += 1;
                }
                None if text.contains('/') && categories.contains(text.split('/').next().unwrap_or_default()) => {
                    assert!(known.contains(text), "{}: {text} is not a metric", row.requirement);
                    others += 1;
                }
                None => {}
            }
        }
    }
    assert!(commands.len() >= 15 && others >= 30, "{commands:?} {others}");
    for command in commands {
        let output = support::harness().args(command.split(' ')).arg("--help").output().unwrap();
        assert!(output.status.success(), "harness {command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
