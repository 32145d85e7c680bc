//! Calibrates a host. The first of its two scenarios has two arms that both end at the upstream, and gives the noise floor, the ceilings of
//! generator and upstream, the cost of the sampler and the pacer lag. The second one has the bundled sidecar on several fresh instances, and
//! gives the scatter between and within instances, from which the resolution follows.

mod assess;
mod table;

use std::path::{Path, PathBuf};

use crate::plan::{self, Options, Plan};
use crate::scenario::{Scenario, Setting};

pub(crate) use assess::assess;
pub use table::table;

/// The scenarios, each with the name that messages give it.
const SCENARIOS: [(&str, &str); 2] = [
    ("calibrate/scenario.toml", include_str!("calibrate/scenario.toml")),
    ("calibrate/instances.toml", include_str!("calibrate/instances.toml")),
];

/// Stage of the second scenario.
const INSTANCES: &str = "instances";

/// The second scenario with `--quick`.
const QUICK: [&str; 2] = ["stage.instances.instances=5", "stage.instances.rounds=15"];

/// Stage of the noise floor.
const NOISE: &str = "noise";
const CEILING: &str = "ceiling";
/// Stage of the sampler's cost.
const SAMPLER: &str = "sampler";
/// Stages that measure the pacer lag, slowest rate first.
const PACED: [&str; 3] = ["pacer-200", NOISE, "pacer-5000"];

/// Plans the two runs of a calibration; every setting is a `KEY=VALUE`, as for `harness run --set`. A setting of a stage applies to the
/// scenario that has the stage, every other one to both.
///
/// # Errors
/// Returns all mistakes in the settings at once.
pub fn plans(quick: bool, settings: &[Setting]) -> Result<[Plan; 2], plan::Error> {
    let [first, second] = SCENARIOS;
    let second_stage = format!("stage.{INSTANCES}.");
    let is_second = |setting: &&Setting| setting.argument.starts_with(&second_stage);
    let is_first = |setting: &&Setting| setting.argument.starts_with("stage.") && !is_second(setting);
    let of_first: Vec<Setting> = settings.iter().filter(|setting| !is_second(setting)).cloned().collect();
    // One instance, as `--quick` has otherwise, does not show how instances differ.
    let short = QUICK.iter().filter(|_| quick).map(|set| Setting::new(*set));
    let of_second: Vec<Setting> = short.chain(settings.iter().filter(|setting| !is_first(setting)).cloned()).collect();
    Ok([plan(first, quick, &of_first)?, plan(second, false, &of_second)?])
}

fn plan((name, text): (&str, &str), quick: bool, settings: &[Setting]) -> Result<Plan, plan::Error> {
    // The scenarios have no relative paths, and the working copy of the user does not describe the host.
    let scenario = Scenario::parse(text, Path::new(name), PathBuf::from("/"), settings)?;
    Plan::new(&scenario, &Options { quick, ..Options::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::StageKind;
    use crate::work::Stage;
    use harness_base::units::Nanos;

    #[test]
    fn the_scenarios_have_every_stage() {
        let (quick, full) = (plans(true, &[]).unwrap(), plans(false, &[]).unwrap());
        let all = |plans: &[Plan; 2]| plans.iter().map(|plan| plan.expected_duration().0).sum::<u64>();
        assert!(all(&quick) < Nanos::from_secs(45).0, "{}", Nanos(all(&quick)));
        assert!(all(&full) < Nanos::from_secs(135).0, "{}", Nanos(all(&full)));
        assert!(quick.iter().chain(&full).all(|plan| plan.warnings.is_empty()));
        let [direct, sidecar] = &full;
        let kind = |name: &str| direct.stages.iter().find(|stage| stage.name == name).map(Stage::kind);
        assert_eq!((kind(CEILING), kind(SAMPLER)), (Some(StageKind::Capacity), Some(StageKind::Idle)));
        assert_eq!(PACED.map(kind), [Some(StageKind::Overhead); 3]);
        let names: Vec<&str> = sidecar.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!((direct.stages.len(), names), (5, vec![INSTANCES]));
    }

    #[test]
    fn changed_values_are_checked_and_reach_the_scenario_of_their_stage() {
        let settings = ["stage.noise.rate=500/s", "stage.instances.rate=400/s", "seed=7"].map(Setting::new);
        let changed = plans(false, &settings).unwrap().map(|plan| plan.scenario.overrides);
        assert_eq!(changed[0], ["stage.noise.rate=500/s", "seed=7"]);
        assert_eq!(changed[1], ["stage.instances.rate=400/s", "seed=7"]);
        for wrong in ["stage.noise.rats=500/s", "stage.instances.rats=1", "stage.nosie.rate=1/s"] {
            let error = plans(false, &[Setting::new(wrong)]).unwrap_err();
            let key = wrong.split_once('=').unwrap().0;
            assert!(error.to_string().contains(key.strip_suffix(".rate").unwrap_or(key)), "{error}");
        }
    }
}
