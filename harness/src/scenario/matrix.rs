//! Reads `[matrix]`: keys with lists of values, and the cells that they make of stages with rounds.

mod axis;
mod refusal;
mod slug;

use crate::measure::cell::{CellFacts, CellValue};
use crate::spec::{Document, Node, Section};
use crate::work::Stage;
use crate::work::matrix::{Cell, Matrix, Targets};
use axis::{Axis, Choice};
use harness_base::names::is_name;
use harness_base::units::Nanos;
use harness_rig::target::spec::{ImageSpec, Launch, Spec as TargetSpec};

/// The most cells of a scenario.
const MOST_CELLS: usize = 64;
/// Fresh starts of the target for each cell, unless the scenario says otherwise: the fewest of which each is one value.
const INSTANCES: u64 = 5;
/// Tables that are left out when a cell is read: they concern the whole run, and name stages that a cell does not have.
const WHOLE_RUN: [&str; 6] = ["matrix", "targets", "gate", "import", "scrape", "log"];
/// What a budget decides.
const DECIDED: [&str; 3] = ["instances", "rounds", "tail_window"];

/// What a scenario is for one cell.
pub(super) struct Composed {
    pub(super) stages: Vec<Stage>,
    pub(super) target: TargetSpec,
    pub(super) base: Option<TargetSpec>,
}

/// The matrix as written.
pub(super) struct Written {
    budget: Option<Nanos>,
    axes: Vec<Axis>,
}

/// Reads the keys of `[matrix]`.
pub(super) fn read(root: &Section<'_>) -> Written {
    let about = "keys with lists of values; every combination is a cell of each stage with rounds";
    let section = root.table("matrix", about);
    let about = "how long all cells may take together; it decides instances and rounds, for example \"5m\"";
    let positive = |time: &Nanos| if *time > Nanos::ZERO { Ok(()) } else { Err("must be longer than 0".to_owned()) };
    let budget = section.field("budget", about).check(positive).optional();
    if section.describing() {
        return Written { budget, axes: Vec::new() };
    }
    let written = section.entries().iter().filter(|(key, _)| key != "budget");
    let axes: Vec<Axis> = written.flat_map(|(key, node)| axis::read(&section, key, node)).collect();
    if section.is_written() && axes.is_empty() {
        let hint = "add a key, for example \"upstream.builtin.body\" = [\"1KiB\", \"64KiB\"]".to_owned();
        section.mistake("", "varies nothing", Some(hint));
    }
    Written { budget, axes }
}

/// Replaces every stage that varies by its cells; `compose` reads the scenario as it is for one of them.
pub(super) fn expand(
    root: &Section<'_>,
    mut written: Written,
    (stages, target): (Vec<Stage>, &TargetSpec),
    compose: &dyn Fn(&Section<'_>) -> Composed,
) -> (Vec<Stage>, Matrix) {
    // Of a key with a mistake no value is known; the values of the others are still checked.
    written.axes.retain(|axis| !axis.choices.is_empty());
    if written.axes.is_empty() {
        return (stages, Matrix::default());
    }
    if matches!(target.launch, Launch::External(_)) {
        let message = "needs fresh starts of the target, and harness cannot restart an external one";
        root.mistake("matrix", message, Some("remove it, or let harness start the target".to_owned()));
        return (stages, Matrix::default());
    }
    let varied = varied(root, &written, &stages);
    let count: usize =
        varied.iter().map(|(_, axes)| axes.iter().map(|axis| axis.choices.len()).product::<usize>()).sum();
    if count > MOST_CELLS {
        let message = format!("has {count} cells, and at most {MOST_CELLS} are possible");
        root.mistake("matrix", message, Some("remove values, or write a second scenario".to_owned()));
        return (stages, Matrix::default());
    }
    let mut made = Made { root, compose, target, matrix: Matrix { budget: written.budget, cells: Vec::new() } };
    let mut all = Vec::new();
    for stage in stages {
        match varied.iter().find(|(name, _)| *name == stage.name) {
            None => all.push(stage),
            Some((name, axes)) => all.extend(made.cells(name, axes)),
        }
    }
    check_names(root, &all);
    (all, made.matrix)
}

/// Returns the stages that vary, with the axes of each: those that keys name, or all with rounds.
fn varied<'w>(root: &Section<'_>, written: &'w Written, stages: &[Stage]) -> Vec<(String, Vec<&'w Axis>)> {
    let named = |name: &str| written.axes.iter().any(|axis| axis.stages().any(|stage| stage == name));
    let has_named = written.axes.iter().any(|axis| axis.stages().next().is_some());
    for axis in &written.axes {
        for name in axis.stages() {
            let found = stages.iter().find(|stage| stage.name == name);
            if let Some((message, hint)) = refusal::of_stage(name, found, stages) {
                root.mistake_on(&axis.path(), &axis.node, message, Some(hint));
            }
        }
    }
    let has_rounds = |stage: &&Stage| stage.work.planned().rounds().is_some();
    let chosen: Vec<&Stage> =
        stages.iter().filter(has_rounds).filter(|stage| !has_named || named(&stage.name)).collect();
    if chosen.is_empty() && !has_named {
        let hint = "add [stage.capacity], or another stage with rounds".to_owned();
        root.mistake("matrix", "varies stages with rounds of load, and there is none", Some(hint));
    }
    for stage in &chosen {
        refuse_decided(root, written, &stage.name);
    }
    let axes_of = |stage: &Stage| {
        let concerns = |axis: &&Axis| axis.stages().next().is_none() || axis.stages().any(|name| name == stage.name);
        (stage.name.clone(), written.axes.iter().filter(concerns).collect())
    };
    chosen.into_iter().map(axes_of).collect()
}

/// Refuses what the budget decides.
fn refuse_decided(root: &Section<'_>, written: &Written, stage: &str) {
    if written.budget.is_none() {
        return;
    }
    for key in DECIDED.map(|key| format!("stage.{stage}.{key}")) {
        let varies = written.axes.iter().find(|axis| axis.sets(&key));
        let hint = || Some(format!("remove {key} or matrix.budget"));
        if let Some(axis) = varies {
            root.mistake_on(&axis.path(), &axis.node, format!("varies {key}, which the budget decides"), hint());
        } else if root.writes(&key) {
            root.mistake(&key, "is decided by the budget of the matrix", hint());
        }
    }
}

/// Checks that the names of the cells fit into metric ids, and that no two stages have one name.
fn check_names(root: &Section<'_>, stages: &[Stage]) {
    for (index, stage) in stages.iter().enumerate() {
        let name = &stage.name;
        if !is_name(name) {
            let message = format!("makes a stage of the name {name}, which must be at most 64 letters, digits, - or _");
            root.mistake("matrix", message, Some("shorten the name of the stage".to_owned()));
        } else if stages[..index].iter().any(|known| known.name == *name) {
            let message = format!("makes a stage of the name {name}, which another stage has");
            root.mistake("matrix", message, Some("rename that stage".to_owned()));
        }
    }
}

/// Makes cells.
struct Made<'a> {
    root: &'a Section<'a>,
    compose: &'a dyn Fn(&Section<'_>) -> Composed,
    target: &'a TargetSpec,
    matrix: Matrix,
}

impl Made<'_> {
    /// Makes the cells of a stage: the last key varies fastest.
    fn cells(&mut self, stage: &str, axes: &[&Axis]) -> Vec<Stage> {
        let mut combinations: Vec<Vec<(&Axis, &Choice)>> = vec![Vec::new()];
        for axis in axes {
            let mut longer = Vec::new();
            for known in &combinations {
                longer.extend(axis.choices.iter().map(|choice| [known.as_slice(), &[(*axis, choice)][..]].concat()));
            }
            combinations = longer;
        }
        combinations.iter().filter_map(|combination| self.cell(stage, combination)).collect()
    }

    fn cell(&mut self, stage: &str, combination: &[(&Axis, &Choice)]) -> Option<Stage> {
        let nodes: Vec<(String, Node)> = combination.iter().flat_map(|(_, choice)| choice.nodes.clone()).collect();
        let variant: Document = self.root.variant(&nodes, &WHOLE_RUN);
        let composed = (self.compose)(&variant.root());
        self.root.adopt(&variant);
        let mut planned = composed.stages.iter().find(|known| known.name == stage)?.clone();
        if let Some(load) = planned.work.planned_mut().rounds_mut()
            && !writes(&variant, &format!("stage.{stage}.instances"))
        {
            load.instances = load.instances.max(INSTANCES.min(load.rounds));
        }
        let slugs: Vec<&str> = combination.iter().map(|(_, choice)| choice.slug.as_str()).collect();
        planned.name = format!("{stage}-{}", slugs.join("-"));
        let value = |(axis, choice): &(&Axis, &Choice)| CellValue { key: axis.key.clone(), value: choice.text.clone() };
        let facts = CellFacts { stage: stage.to_owned(), values: combination.iter().map(value).collect() };
        let varies_target = nodes.iter().any(|(path, _)| path.starts_with("target."));
        let targets = varies_target.then(|| self.targets(composed, combination));
        self.matrix.cells.push(Cell { name: planned.name.clone(), facts, targets });
        Some(planned)
    }

    /// Returns the targets of a cell. Their program is that of the run, of which the record has the digest.
    fn targets(&self, composed: Composed, combination: &[(&Axis, &Choice)]) -> Targets {
        let with_others = |mut spec: TargetSpec| {
            spec.endpoints.others = self.target.endpoints.others.clone();
            spec
        };
        let Composed { target, base, .. } = composed;
        if let Some((axis, _)) = combination.iter().find(|(axis, _)| axis.sets_below("target."))
            && program(&target) != program(self.target)
        {
            let hint = "compare programs with --against, or write a scenario for each".to_owned();
            let message = "changes the program of the target, and a run measures one";
            self.root.mistake_on(&axis.path(), &axis.node, message, Some(hint));
        }
        Targets { head: with_others(target), base: base.map(with_others) }
    }
}

fn writes(document: &Document, path: &str) -> bool {
    let root = document.root();
    root.pass_over();
    root.writes(path)
}

/// Returns the program of a target.
fn program(target: &TargetSpec) -> Option<&str> {
    match &target.launch {
        Launch::Process(process) => process.command.first().map(String::as_str),
        Launch::Command(command) => command.run.command.first().map(String::as_str),
        Launch::Stdio(stdio) => stdio.shim.command.first().map(String::as_str),
        Launch::Container(container) => {
            let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &container.image;
            Some(named)
        }
        Launch::Pod(pod) => {
            let made = pod.made()?;
            made.image.as_deref().or(made.command.first().map(String::as_str))
        }
        Launch::External(_) => None,
    }
}
