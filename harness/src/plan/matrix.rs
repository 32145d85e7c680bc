//! Fits the cells of a matrix into their budget, and describes them.

use super::span;
use crate::measure::cell::CellFacts;
use crate::work::Stage;
use crate::work::load::LoadWork;
use crate::work::matrix::Matrix;
use harness_base::units::Nanos;
use harness_load::pace::Pace;

/// The fewest fresh starts of a cell of which each is one value.
const FEWEST_INSTANCES: u64 = 5;
/// The most that a budget starts: from there on, more rounds cost less than more launches.
const MOST_INSTANCES: u64 = 10;
/// Rounds of an instance: two mirror each other, and a budget buys no more than this many.
const FEWEST_ROUNDS: u64 = 2;
const MOST_ROUNDS: u64 = 50;
/// How long the cells of a quick run may take together before their windows are shortened further.
const QUICK: Nanos = Nanos::from_secs(30);
const QUICK_WINDOW: Nanos = Nanos::from_millis(250);
/// The fewest requests of such a window.
const QUICK_REQUESTS: f64 = 50.0;

/// The time that the least plan of all cells takes, if that is longer than the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooShort {
    pub(super) cells: usize,
    pub(super) needs: Nanos,
}

/// Decides instances and rounds of all cells: as many instances as fit into the budget, up to ten, and then as many rounds. `fewest` is
/// the smallest number of instances that a comparison of builds needs.
pub(super) fn fit(matrix: &Matrix, stages: &mut [Stage], fewest: u64) -> Result<(), TooShort> {
    let Some(budget) = matrix.budget else { return Ok(()) };
    let mut cells: Vec<&mut Stage> = stages.iter_mut().filter(|stage| matrix.cell(&stage.name).is_some()).collect();
    let fewest = fewest.max(FEWEST_INSTANCES);
    let fits = |cells: &mut [&mut Stage], instances, rounds| takes(cells, instances, rounds) <= budget;
    let instances = (fewest..=MOST_INSTANCES.max(fewest)).rev().find(|n| fits(&mut cells, *n, FEWEST_ROUNDS));
    let Some(instances) = instances else {
        return Err(TooShort { cells: cells.len(), needs: takes(&mut cells, fewest, FEWEST_ROUNDS) });
    };
    let rounds = (FEWEST_ROUNDS..=MOST_ROUNDS).rev().find(|n| fits(&mut cells, instances, *n));
    takes(&mut cells, instances, rounds.unwrap_or(FEWEST_ROUNDS));
    Ok(())
}

/// Gives every cell so many instances with so many rounds each and no tail window. Returns how long they take together.
fn takes(cells: &mut [&mut Stage], instances: u64, rounds: u64) -> Nanos {
    for stage in cells.iter_mut() {
        if let Some(load) = stage.work.planned_mut().rounds_mut() {
            *load = LoadWork { instances, rounds: instances * rounds, tail: Nanos::ZERO, ..load.clone() };
        }
    }
    cells.iter().map(|stage| stage.expected_duration()).fold(Nanos::ZERO, Nanos::plus)
}

/// Shortens the windows of many cells further than those of single stages.
pub(super) fn shorten(matrix: &Matrix, stages: &mut [Stage]) {
    let mut cells: Vec<&mut Stage> = stages.iter_mut().filter(|stage| matrix.cell(&stage.name).is_some()).collect();
    if cells.iter().map(|stage| stage.expected_duration()).fold(Nanos::ZERO, Nanos::plus) <= QUICK {
        return;
    }
    for stage in &mut cells {
        if let Some(load) = stage.work.planned_mut().rounds_mut() {
            let enough = match load.pace {
                Pace::Open { rate, .. } => Nanos((QUICK_REQUESTS / rate.0 * 1e9) as u64),
                Pace::Closed { .. } => Nanos::ZERO,
            };
            load.window = load.window.min(QUICK_WINDOW.max(enough));
        }
    }
}

/// Describes the cells of each stage that varies, with its name: their number and values, what each of them does, and the time of all.
pub(super) fn describe(matrix: &Matrix, stages: &[Stage]) -> Vec<(String, String)> {
    let mut described: Vec<(String, String)> = Vec::new();
    for cell in &matrix.cells {
        let name = &cell.facts.stage;
        let own: Vec<&Stage> = stages
            .iter()
            .filter(|stage| matrix.cell(&stage.name).is_some_and(|own| own.facts.stage == *name))
            .collect();
        let Some(first) = own.first() else { continue };
        if described.iter().any(|(known, _)| known == name) {
            continue;
        }
        let facts: Vec<&CellFacts> = own.iter().filter_map(|stage| Some(&matrix.cell(&stage.name)?.facts)).collect();
        let takes = own.iter().map(|stage| stage.expected_duration()).fold(Nanos::ZERO, Nanos::plus);
        let load = first.work.planned().rounds();
        let turns = match load {
            Some(load) if load.instances > 1 => "; their instances take turns",
            _ => "; one cell after the other",
        };
        let compared = if first.compared { ", each build in turn" } else { "" };
        let text = format!(
            "{} cells: {}; each {}{compared}{turns}; about {takes}",
            own.len(),
            keys(&facts),
            load.map_or_else(String::new, each)
        );
        described.push((name.clone(), text));
    }
    described
}

/// Describes the rounds of a cell without what differs between cells.
fn each(load: &LoadWork) -> String {
    let arms = if load.paired { "direct and proxied" } else { "proxied" };
    let instances = if load.instances == 1 { "1 instance".to_owned() } else { format!("{} instances", load.instances) };
    let tail = if load.tail == Nanos::ZERO { String::new() } else { format!(", tail window {}", span(load.tail)) };
    let (warmup, window) = (span(load.warmup), span(load.window));
    format!("{} rounds over {instances} of {arms}, warm-up {warmup}, window {window}{tail}", load.rounds)
}

/// Lists the keys with their values: `upstream.builtin.body 1KiB, 4KiB × stage.capacity.vus 1, 8`.
fn keys(cells: &[&CellFacts]) -> String {
    let Some(first) = cells.first() else { return String::new() };
    let of = |index: usize| {
        let mut values: Vec<&str> = Vec::new();
        for value in cells.iter().filter_map(|cell| cell.values.get(index)) {
            if !values.contains(&value.value.as_str()) {
                values.push(&value.value);
            }
        }
        format!("{} {}", first.values[index].key, values.join(", "))
    };
    (0..first.values.len()).map(of).collect::<Vec<_>>().join(" × ")
}
