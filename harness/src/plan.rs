//! Defines the plan: the scenario with every default filled in and every unit typed. It has no `Option` that means
//! "default".

mod describe;
mod environment;
mod fleet;
mod matrix;
mod pod;
pub mod proposal;

use std::path::{Path, PathBuf};

use crate::measure::profile::Stacks;
use crate::measure::record::ScenarioFacts;
use crate::measure::trial::Build;
use crate::report::Artifacts;
use crate::scenario::compare::FEWEST_INSTANCES;
use crate::scenario::{self, Scenario, Setting};
use crate::verdict::claim::Claim;
use crate::verdict::gate::Gates;
use crate::work::Stage;
use crate::work::matrix::Matrix;
use harness_base::units::Nanos;
use harness_base::words::nearest;
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_load::spec::GeneratorSpec;
use harness_rig::target::spec::{EgressHost, Launch, Spec as TargetSpec};

#[derive(Debug, Clone)]
pub struct Plan {
    pub scenario: ScenarioFacts,
    /// The path of the scenario file as given.
    pub path: PathBuf,
    /// Folder of the scenario file, absolute; relative paths start here.
    pub folder: PathBuf,
    /// The target: the head if two builds are compared.
    pub target: TargetSpec,
    /// The base that the head is compared with; absent if nothing is compared.
    pub base: Option<TargetSpec>,
    /// The foreign hosts that the harness plays.
    pub egress: Vec<EgressHost>,
    /// The process that sends the requests.
    pub generator: GeneratorSpec,
    /// The nodes that send them together instead; absent for one process of this machine.
    pub fleet: Option<FleetSpec>,
    /// The stages, in the order in which they begin.
    pub stages: Vec<Stage>,
    /// Which of the stages are cells, whose instances take turns.
    pub matrix: Matrix,
    /// `[targets]`: claims about the metrics of these stages.
    pub claims: Vec<Claim>,
    /// `[gate]`: thresholds of changes against a base.
    pub gates: Gates,
    /// The artifacts to write.
    pub artifacts: Artifacts,
    /// How to find the call stacks of a profile of each stage with load; absent if none is asked for.
    pub profile: Option<Stacks>,
    /// Warnings for the author, for example that a request has no `expect`.
    pub warnings: Vec<String>,
}

/// The options of the command line for a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--quick`: the shortest run that still has intervals.
    pub quick: bool,
    /// `--stage NAME`…: only these; all if empty.
    pub stages: Vec<String>,
}

/// Errors of planning.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] scenario::Error),
    /// `--stage` names a stage that does not exist.
    #[error("{} has no stage {name}\nhint: {hint}", path.display())]
    NoSuchStage {
        path: PathBuf,
        name: String,
        /// A similar name, or all existing ones.
        hint: String,
    },
    /// The budget of the matrix is too short for a plan whose intervals mean something.
    #[error(
        "{}: matrix.budget: {} is too short for {cells} cells: 5 instances with 2 rounds each take {}\nhint: write budget = \"{}\" or a longer one, or \
         remove values", path.display(), budget.notation(), needs, rounded_up(*needs)
    )]
    Budget {
        path: PathBuf,
        budget: Nanos,
        cells: usize,
        /// The time of the least plan.
        needs: Nanos,
    },
}

/// Writes a time in whole seconds, rounded up.
fn rounded_up(time: Nanos) -> String {
    format!("{}s", time.0.div_ceil(1_000_000_000))
}

impl Plan {
    /// Reads a scenario file and plans it.
    ///
    /// # Errors
    /// See [`Error`]; exit code 2 for either.
    pub fn read(path: &Path, settings: &[Setting], options: &Options) -> Result<Self, Error> {
        Self::new(&Scenario::read(path, settings)?, options)
    }

    /// Plans a scenario.
    ///
    /// # Errors
    /// A stage in `options` that the scenario does not have, or a budget that is too short.
    pub fn new(scenario: &Scenario, options: &Options) -> Result<Self, Error> {
        let mut stages = chosen(scenario, &options.stages)?;
        if options.quick {
            stages.iter_mut().for_each(|stage| stage.work.planned_mut().shorten());
        }
        let mut fewest = 1;
        if scenario.compare.base.is_some() {
            fewest = if options.quick { FEWEST_INSTANCES } else { scenario.compare.instances };
            stages.iter_mut().for_each(|stage| compare(stage, fewest));
        }
        fit(scenario, &mut stages, options.quick, fewest)?;
        let has_stage = |claim: &&Claim| stages.iter().any(|stage| claim.is_of(&stage.name));
        let claims = scenario.claims.iter().filter(has_stage).cloned().collect();
        let mut plan = Self {
            scenario: ScenarioFacts { quick: options.quick, ..scenario.facts.clone() },
            path: scenario.path.clone(),
            folder: scenario.folder.clone(),
            target: scenario.target.clone(),
            base: scenario.compare.base.clone(),
            egress: scenario.egress.clone(),
            generator: scenario.generator.clone(),
            fleet: scenario.fleet.clone(),
            stages,
            matrix: scenario.matrix.clone(),
            claims,
            gates: scenario.gates.clone(),
            artifacts: scenario.artifacts.clone(),
            profile: None,
            warnings: scenario.warnings.clone(),
        };
        let unset = plan.unset_variables();
        let missing: Vec<String> =
            plan.stages.iter().filter_map(|stage| stage.work.planned().missing(&plan.folder, stage.optional)).collect();
        plan.warnings.extend(missing);
        plan.warnings.extend(
            unset.iter().map(|name| format!("{name} is not set, so a run would fail; set it with: export {name}=…")),
        );
        Ok(plan)
    }

    /// Returns the plan with only some of its stages, without claims and profiles.
    #[must_use]
    pub fn only(&self, stages: &[String]) -> Self {
        let mut plan = Self { claims: Vec::new(), profile: None, ..self.clone() };
        plan.stages.retain(|stage| stages.contains(&stage.name));
        plan
    }

    /// Returns whether it can run again at once without what was kept of the run before. Others start the nodes of a joined fleet, and only once.
    pub fn is_repeatable(&self) -> bool {
        self.fleet.as_ref().is_none_or(|fleet| fleet.engine != FleetEngine::Joined)
    }

    /// Returns how long it will take if no round has to be repeated.
    pub fn expected_duration(&self) -> Nanos {
        self.stages.iter().map(Stage::expected_duration).fold(Nanos::ZERO, Nanos::plus)
    }

    /// Returns whether netem makes a path of a stage, so that the run needs a network namespace of its own.
    pub fn is_netem(&self) -> bool {
        self.stages.iter().any(Stage::is_netem)
    }

    /// Returns whether the target runs in a pod, on another machine than this process.
    pub const fn is_in_pod(&self) -> bool {
        matches!(self.target.launch, Launch::Pod(_))
    }

    /// Returns the target of a build; the only one if nothing is compared.
    pub fn target_of(&self, build: Build) -> &TargetSpec {
        match build {
            Build::Base => self.base.as_ref().unwrap_or(&self.target),
            Build::Head => &self.target,
        }
    }

    /// Returns the target of a build in a stage, which is another one in cells of a matrix that varies it.
    pub fn target_in(&self, stage: &str, build: Build) -> &TargetSpec {
        let own = self.matrix.cell(stage).and_then(|cell| cell.targets.as_ref());
        let (head, base) = own.map_or((&self.target, &self.base), |own| (&own.head, &own.base));
        match build {
            Build::Base => base.as_ref().unwrap_or(head),
            Build::Head => head,
        }
    }

    /// Describes the cells of each stage that varies, with the time that they take.
    pub fn cells(&self) -> Vec<String> {
        let cells = matrix::describe(&self.matrix, &self.stages).into_iter();
        cells.map(|(name, text)| format!("{name}: {text}")).collect()
    }
}

/// Formats a time span exactly, like a scenario writes it.
fn span(span: Nanos) -> String {
    span.notation()
}

/// Fits the cells of the matrix into its budget, or shortens them for `--quick`.
fn fit(scenario: &Scenario, stages: &mut [Stage], quick: bool, fewest: u64) -> Result<(), Error> {
    let matrix = &scenario.matrix;
    if quick {
        matrix::shorten(matrix, stages);
        return Ok(());
    }
    let too_short = |matrix::TooShort { cells, needs }| {
        let budget = matrix.budget.unwrap_or_default();
        Error::Budget { path: scenario.path.clone(), budget, cells, needs }
    };
    matrix::fit(matrix, stages, fewest).map_err(too_short)
}

/// Changes a stage to measure two builds, if its kind compares them.
fn compare(stage: &mut Stage, instances: u64) {
    stage.compared = stage.work.planned().compares();
    if let Some(load) = stage.work.planned_mut().rounds_mut() {
        load.instances = load.instances.max(instances);
    }
}

/// Selects the stages to run, in the order of the scenario.
fn chosen(scenario: &Scenario, names: &[String]) -> Result<Vec<Stage>, Error> {
    let written = |stage: &'_ Stage| scenario.matrix.stage_of(&stage.name).to_owned();
    let known =
        || scenario.stages.iter().flat_map(|stage| [stage.name.as_str(), scenario.matrix.stage_of(&stage.name)]);
    if let Some(name) = names.iter().find(|name| !known().any(|known| known == name.as_str())) {
        let mut all: Vec<&str> = scenario.stages.iter().map(|stage| scenario.matrix.stage_of(&stage.name)).collect();
        all.dedup();
        let all = all.join(", ");
        let hint =
            nearest(name, known()).map_or_else(|| format!("it has {all}"), |near| format!("did you mean {near}?"));
        return Err(Error::NoSuchStage { path: scenario.path.clone(), name: name.clone(), hint });
    }
    let wanted = |stage: &&Stage| names.is_empty() || names.contains(&stage.name) || names.contains(&written(stage));
    Ok(scenario.stages.iter().filter(wanted).cloned().collect())
}
