//! Calibrates a host: runs a scenario whose two arms both end at the upstream, and derives the resolution of the host,
//! the ceilings of generator and upstream, the cost of the sampler and the pacer lag.

mod assess;
mod table;

use std::path::{Path, PathBuf};

use crate::plan::{self, Options, Plan};
use crate::scenario::{Scenario, Setting};

pub use assess::assess;
pub use table::table;

const SCENARIO: &str = include_str!("calibrate/scenario.toml");

const NAME: &str = "calibrate/scenario.toml";

/// Stage of the noise floor.
const NOISE: &str = "noise";
const CEILING: &str = "ceiling";
/// Stage of the sampler's cost.
const SAMPLER: &str = "sampler";
/// Stages that measure the pacer lag, slowest rate first.
const PACED: [&str; 3] = ["pacer-200", NOISE, "pacer-5000"];

/// Plans a calibration; every setting is a `KEY=VALUE`, as for `harness run --set`.
///
/// # Errors
/// Returns all mistakes in the settings at once.
pub fn plan(quick: bool, settings: &[Setting]) -> Result<Plan, plan::Error> {
    // The scenario has no relative paths, and the working copy of the user does not describe the host.
    let scenario = Scenario::parse(SCENARIO, Path::new(NAME), PathBuf::from("/"), settings)?;
    Plan::new(&scenario, &Options { quick, ..Options::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::StageKind;
    use crate::work::Stage;
    use harness_base::units::Nanos;

    #[test]
    fn the_scenario_is_one_and_has_every_stage() {
        let quick = plan(true, &[]).unwrap();
        let full = plan(false, &[]).unwrap();
        assert_eq!((&full.warnings, &quick.warnings), (&vec![], &vec![]));
        assert!(quick.expected_duration() < Nanos::from_secs(30), "{}", quick.expected_duration());
        assert!(full.expected_duration() < Nanos::from_secs(120), "{}", full.expected_duration());
        let kind = |name: &str| full.stages.iter().find(|stage| stage.name == name).map(Stage::kind);
        assert_eq!((kind(CEILING), kind(SAMPLER)), (Some(StageKind::Capacity), Some(StageKind::Idle)));
        assert_eq!(PACED.map(kind), [Some(StageKind::Overhead); 3]);
        assert_eq!(full.stages.len(), 5);
    }

    #[test]
    fn changed_values_are_checked() {
        let changed = plan(false, &[Setting::new("stage.noise.rate=500/s")]).unwrap();
        assert_eq!(changed.scenario.overrides, ["stage.noise.rate=500/s"]);
        let error = plan(false, &[Setting::new("stage.noise.rats=500/s")]).unwrap_err();
        assert!(error.to_string().contains("stage.noise.rats"), "{error}");
    }
}
