//! The cells of a matrix in reports: as tables and heat maps, and not as so many stages.

use harness::measure::journal::{JournalLine, replay};
use harness::measure::metric::find;
use harness::measure::{CellFacts, CellValue, Pace};
use harness::report::brief;
use harness::verdict::Stored;

use super::*;

const BODIES: [(&str, u64); 2] = [("1KiB", 1), ("1MiB", 20)];
/// Users, and the factor of the rate of one user.
const USERS: [(u64, u64); 3] = [(1, 2), (8, 9), (64, 10)];

/// Returns the sample with six cells instead of stage `capacity`: their rates are those of the sample ÷ 10 × factor ÷ size.
fn record() -> Record {
    let mut record = sample::record();
    let capacity = record.stages.pop().unwrap();
    for (body, slower) in BODIES {
        for (vus, faster) in USERS {
            let mut cell = capacity.clone();
            cell.name = format!("capacity-{body}-{vus}vus");
            cell.offered = Some(Pace::Closed { vus });
            let value = |key: &str, value: String| CellValue { key: key.to_owned(), value };
            let values = vec![value("body", body.to_owned()), value("stage.capacity.vus", vus.to_string())];
            cell.cell = Some(CellFacts { stage: "capacity".to_owned(), values });
            for trial in cell.instances.iter_mut().flat_map(|one| &mut one.rounds).flat_map(|round| &mut round.trials) {
                trial.load.completed_in_window = trial.load.completed_in_window * faster / (10 * slower);
            }
            record.stages.push(cell);
        }
    }
    record
}

/// Returns the words of a text in one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn cells_are_tables_in_the_terminal_and_in_markdown() {
    let record = record();
    let judgement = judged(&record, &[]);
    let text = rendered("table", &record, &judgement);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for part in [
        "throughput/rps_Nvu of capacity by body and vus",
        "latency/capacity_p99 of capacity by body and vus",
        "64 ÷ 1",
        "×5.00 of 64",
    ] {
        assert!(flat(&text).contains(part), "{part}\n{text}");
    }
    assert!(flat(&text).contains("capacity valid 6 cells of body × vus"), "{text}");
    let markdown = rendered("markdown", &record, &judgement);
    assert!(markdown.contains("| body | vus 1 | vus 8 | vus 64 | 64 ÷ 1 |"), "{markdown}");
    for shown in [&text, &markdown] {
        assert!(!shown.contains("capacity-1KiB"), "no line of one cell:\n{shown}");
    }
    let brief = brief::render(&Summary::new(&record, &judgement));
    assert!(brief.contains("rps_Nvu of capacity") && brief.lines().all(|line| line.chars().count() <= 80), "{brief}");
    matches_file("tests/snapshots/matrix.txt", &text);
    matches_file("tests/snapshots/matrix.md", &markdown);
}

#[test]
fn cells_are_heat_maps_and_their_detail_is_folded() {
    let record = record();
    let html = rendered("html", &record, &judged(&record, &[]));
    assert_eq!(html.matches("data-chart=\"heat\" data-stage=\"capacity\"").count(), 2);
    assert_eq!(html.matches("<rect class=\"heat\"").count(), 12);
    let (before, after) = html.split_once("<section id=\"matrix\">").unwrap();
    assert!(!before.contains("capacity-1KiB"));
    let folded = after.find("<details>").unwrap();
    let cell = after.find("capacity-1KiB-8vus").unwrap();
    assert!(folded < cell, "a cell is named before the fold");
    let rest = after.split_once("<section id=\"metrics\">").unwrap().1;
    let tables = rest.split_once("<section id=\"scenario\">").unwrap().0;
    assert!(!tables.contains("capacity-1KiB"), "the other sections are about other stages");
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
}

#[test]
fn an_invalid_cell_leaves_the_others_their_values() {
    let mut record = record();
    stage(&mut record, "capacity-1MiB-8vus").status = StageStatus::Invalid(vec![sample::steal()]);
    let judgement = judged(&record, &[]);
    let text = rendered("table", &record, &judgement);
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("rps_Nvu of capacity")).collect();
    assert!(lines[1].contains("vus 64") && lines[3].contains("1MiB") && lines[3].contains("invalid"), "{text}");
    assert!(lines[3].contains("×5.01 of 64"), "the first and the last column are valid: {text}");
    assert!(flat(&text).contains("capacity 5 of 6 6 cells of"), "{text}");
    let html = rendered("html", &record, &judgement);
    assert_eq!(html.matches("<rect class=\"no-heat\"").count(), 2);
}

#[test]
fn with_one_key_each_value_is_a_row_and_a_single_column_is_related_to_nothing() {
    let mut record = record();
    record.stages.retain(|stage| stage.cell.is_none() || stage.name.ends_with("-8vus"));
    let text = rendered("table", &record, &judged(&record, &[]));
    assert!(text.contains("throughput/rps_8vu of capacity by body and vus") && !text.contains('÷'), "{text}");
    for stage in &mut record.stages {
        stage.cell.iter_mut().for_each(|cell| drop(cell.values.pop()));
    }
    let text = rendered("table", &record, &judged(&record, &[]));
    assert!(text.contains("throughput/rps_8vu of capacity by body\n"), "{text}");
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("rps_8vu of capacity")).collect();
    assert!(lines[1].contains("value") && lines[1].contains("scaling"), "{text}");
    assert!(lines[2].contains("1KiB") && !lines[2].contains('×'), "{text}");
    assert!(lines[3].contains("1MiB") && lines[3].contains("×0.0500 of 1024"), "{text}");
}

#[test]
fn the_ids_of_cells_are_unique_and_known() {
    let record = record();
    let judgement = judged(&record, &[claim("throughput/rps_8vu@capacity-1KiB-8vus", false, 1.0)]);
    let ids: Vec<&str> = judgement.metrics.iter().map(|metric| metric.id.as_str()).collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len());
    assert!(ids.iter().all(|id| find(id).is_some()), "{ids:?}");
    assert_eq!(judgement.targets[0].state.word(), "met");
    let bencher: serde_json::Value = serde_json::from_str(&rendered("bencher", &record, &judgement)).unwrap();
    for (body, _) in BODIES {
        for (vus, _) in USERS {
            let id = format!("throughput/rps_{vus}vu@capacity-{body}-{vus}vus");
            assert!(bencher[&id]["throughput"]["value"].is_f64(), "{id}");
        }
    }
}

#[test]
fn a_matrix_is_recomputed_from_its_result_and_its_journal() {
    let record = record();
    let stored = Stored::new(record.clone(), judged(&record, &[])).unwrap();
    let json = serde_json::to_string(&stored).unwrap();
    let read: Stored = serde_json::from_str(&json).unwrap();
    assert_eq!(rendered("html", &read.record, &read.judgement), rendered("html", &record, &judged(&record, &[])));
    let lines: Vec<u8> =
        JournalLine::of_record(&record).iter().flat_map(|line| line.to_json().unwrap().into_bytes()).collect();
    assert!(replay(&lines).unwrap().record == record);
}
