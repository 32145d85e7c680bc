//! Defines what every planned work provides.

use std::path::Path;

use super::load::{FEWEST_ROUNDS, LoadWork};
use super::reported::Described;
use super::transports::Transports;
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use harness_base::units::Nanos;

/// The planned work of one kind of stage.
pub trait StageWork {
    /// Describes it for `harness check`.
    fn describe(&self) -> String;

    /// Returns how long it takes for one build if nothing has to be repeated.
    fn duration(&self) -> Nanos;

    /// Shortens it for `--quick`. A part that is already shorter stays unchanged.
    fn shorten(&mut self);

    /// Returns how many launches, rounds, windows or faults have to be valid.
    fn wanted(&self) -> u64;

    /// Returns the load that it offers.
    fn load(&self) -> Option<&LoadWork> {
        None
    }

    /// Returns the load of work that runs in rounds, which instances share and two builds take in turn.
    fn rounds(&self) -> Option<&LoadWork> {
        None
    }

    /// Returns the load of [`StageWork::rounds`] mutably.
    fn rounds_mut(&mut self) -> Option<&mut LoadWork> {
        None
    }

    /// Returns whether the base is measured together with the head. Stages about requirements, leaks and faults measure
    /// the head alone.
    fn compares(&self) -> bool {
        true
    }

    /// Returns whether a second build changes its duration and what it inspects.
    fn launches_builds(&self) -> bool {
        true
    }

    /// Returns whether it limits the target although the stage itself has no limits.
    fn limits_target(&self) -> bool {
        false
    }

    /// Returns whether `--profile` samples it.
    fn is_profiled(&self) -> bool {
        false
    }

    /// Returns whether its load is valid only while generator and upstream could carry more.
    fn needs_headroom(&self) -> bool {
        self.load().is_some()
    }

    /// Returns whether a fleet of generators can send its load. Work without load needs no generator.
    fn runs_on_fleet(&self) -> bool {
        self.load().is_none() && self.rounds().is_none()
    }

    /// Returns whether it can measure a target in a pod, which only an agent inside of it observes.
    fn runs_in_pod(&self) -> bool {
        false
    }

    /// Returns the metric whose smallest difference its rounds have to resolve.
    fn resolves(&self) -> Option<&'static str> {
        None
    }

    /// Returns how both arms reach the target, if the direct one leads to it too instead of to the upstream.
    fn transports(&self) -> Option<&Transports> {
        None
    }

    /// Returns what it describes of another stage, if that is its work.
    fn described(&self) -> Option<&Described> {
        None
    }

    /// Returns whether it reads what targets report after their launch.
    fn reads_on_launch(&self) -> bool {
        false
    }

    /// Returns a warning if what it needs in the scenario's folder is missing.
    fn missing(&self, _folder: &Path, _optional: bool) -> Option<String> {
        None
    }

    /// Returns a warning if it cannot have a 95 % interval; `stage` is the stage's name.
    fn too_few(&self, _stage: &str) -> Option<String> {
        None
    }

    /// Returns why it does not measure a metric of its kind, and what to change.
    fn does_not_measure(&self, _metric: &Metric) -> Option<(String, String)> {
        None
    }

    /// Returns the facts of the stage before it begins.
    fn facts(&self) -> StageFacts;
}

/// The planned work of a kind whose stages are rounds of load and nothing else.
pub trait RoundsWork {
    fn load(&self) -> &LoadWork;

    fn load_mut(&mut self) -> &mut LoadWork;

    /// See [`StageWork::resolves`].
    fn resolves(&self) -> Option<&'static str> {
        None
    }

    /// See [`StageWork::runs_on_fleet`].
    fn runs_on_fleet(&self) -> bool {
        false
    }

    /// See [`StageWork::runs_in_pod`].
    fn runs_in_pod(&self) -> bool {
        false
    }

    /// See [`StageWork::describe`].
    fn describe(&self) -> String {
        RoundsWork::load(self).describe()
    }

    /// See [`StageWork::does_not_measure`].
    fn does_not_measure(&self, _metric: &Metric) -> Option<(String, String)> {
        None
    }

    /// See [`StageWork::facts`].
    fn facts(&self) -> StageFacts;
}

impl<W: RoundsWork> StageWork for W {
    fn describe(&self) -> String {
        RoundsWork::describe(self)
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        RoundsWork::does_not_measure(self, metric)
    }

    fn duration(&self) -> Nanos {
        RoundsWork::load(self).duration()
    }

    fn shorten(&mut self) {
        self.load_mut().shorten();
    }

    fn wanted(&self) -> u64 {
        RoundsWork::load(self).rounds
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(RoundsWork::load(self))
    }

    fn rounds(&self) -> Option<&LoadWork> {
        Some(RoundsWork::load(self))
    }

    fn rounds_mut(&mut self) -> Option<&mut LoadWork> {
        Some(self.load_mut())
    }

    fn is_profiled(&self) -> bool {
        true
    }

    fn runs_on_fleet(&self) -> bool {
        RoundsWork::runs_on_fleet(self)
    }

    fn runs_in_pod(&self) -> bool {
        RoundsWork::runs_in_pod(self)
    }

    fn resolves(&self) -> Option<&'static str> {
        RoundsWork::resolves(self)
    }

    fn facts(&self) -> StageFacts {
        RoundsWork::facts(self)
    }
}

/// Rounds of load with the facts that do not depend on the rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds<F> {
    pub load: LoadWork,
    /// See [`StageWork::facts`].
    pub facts: F,
}

impl<F: Clone + Into<StageFacts>> RoundsWork for Rounds<F> {
    fn runs_on_fleet(&self) -> bool {
        true
    }

    fn runs_in_pod(&self) -> bool {
        true
    }

    fn load(&self) -> &LoadWork {
        &self.load
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.load
    }

    fn facts(&self) -> StageFacts {
        self.facts.clone().into()
    }
}

/// Warns of fewer launches than have a 95 % interval.
pub(crate) fn too_few_launches(stage: &str, launches: u64) -> Option<String> {
    (launches < FEWEST_ROUNDS).then(|| {
        format!(
            "stage {stage}: {launches} launches are too few for a 95 % interval; at least {FEWEST_ROUNDS} are needed"
        )
    })
}
