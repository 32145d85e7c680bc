//! Proposes changes to a plan from the calibration of the host: more rounds for a smaller resolution, and a lower rate
//! if generator or upstream would be the limit.

use std::f64::consts::SQRT_2;

use super::Plan;
use crate::measure::calibration::Calibration;
use crate::measure::metric::{self, Unit};
use crate::work::Stage;
use crate::work::load::{FEWEST_ROUNDS, LoadWork};
use harness_base::units::{Rate, Ratio};
use harness_load::pace::Pace;
use harness_stats as stats;

/// Largest share of the ceiling for an arrival rate; above it, latency is queueing in generator and upstream.
const SHARE: Ratio = Ratio(0.60);

/// Nanoseconds in the unit of that metric.
const MS: f64 = 1e6;

/// Two latencies whose relative difference is smaller than this are one value in a histogram of three digits.
const STEP: f64 = 1e-3;

/// The largest loads that are proposed.
const MOST_ROUNDS: u64 = 5_000;
const MOST_INSTANCES: u64 = 100;

/// Rounds of an instance that are proposed at least.
const ROUNDS_OF_INSTANCE: u64 = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The reason: the stage, its requirement, and the capability of this host.
    pub message: String,
    /// The keys and values for `--set`; empty if no value is sufficient.
    pub sets: Vec<String>,
}

impl Plan {
    /// Proposes changes; empty if none is needed. The calibration must be that of the host on which the plan will run.
    pub fn proposals(&self, calibration: &Calibration) -> Vec<Proposal> {
        let ceiling = calibration.ceiling.as_ref().map(|ceiling| ceiling.rate_per_second.point);
        let of = |stage: &Stage| {
            let lower = ceiling.and_then(|ceiling| lower_rate(stage, ceiling));
            // --quick changes the number of rounds.
            let more = if self.scenario.quick { None } else { self.more_rounds(stage, calibration) };
            [more, lower]
        };
        // The keys of a cell are those of its stage, and its rounds those of the budget.
        let single = self.stages.iter().filter(|stage| self.matrix.cell(&stage.name).is_none());
        single.flat_map(of).flatten().collect()
    }

    /// Proposes more rounds, or more instances, for a stage that needs a finer resolution. A longer window or another rate is assumed to
    /// resolve no more than that of the calibration.
    fn more_rounds(&self, stage: &Stage, calibration: &Calibration) -> Option<Proposal> {
        let load = stage.work.planned().rounds()?;
        let (asked, why) = self.smallest_asked(stage)?;
        let seen = resolved(calibration, load)?;
        if seen <= asked {
            return None;
        }
        let name = &stage.name;
        let shown = |ns: f64| Unit::Millis.show(ns / MS);
        let message = format!(
            "stage {name}: its {} rounds on {} resolve overheads of {} on this host, but {why} needs {}",
            load.rounds,
            instances(load),
            shown(seen),
            shown(asked)
        );
        Some(match enough(calibration, load, asked) {
            Some(more) => {
                let takes = with_load(stage, &more).expected_duration();
                let (rounds, instances) = (more.rounds, instances(&more));
                let mut sets = vec![format!("stage.{name}.rounds={rounds}")];
                if more.instances != more.best_instances() {
                    sets.push(format!("stage.{name}.instances={}", more.instances));
                }
                let message = format!("{message}; {rounds} rounds on {instances} resolve it and take about {takes}");
                Proposal { message, sets }
            }
            None => Proposal {
                message: format!(
                    "{message}; no number of rounds resolves it: check this host with harness doctor, and calibrate again"
                ),
                sets: Vec::new(),
            },
        })
    }

    /// Returns the smallest overhead in nanoseconds that a stage must resolve, and what requires it.
    fn smallest_asked(&self, stage: &Stage) -> Option<(f64, String)> {
        let metric = stage.work.planned().resolves()?;
        let id = if stage.name == stage.kind().name() { metric.to_owned() } else { format!("{metric}@{}", stage.name) };
        // A target without overhead must be able to meet its claim.
        let claims = self.claims.iter().filter(|claim| claim.metric == id && claim.below);
        let claims =
            claims.map(|claim| (claim.bound * MS, format!("[targets] with {}", Unit::Millis.show_bound(claim.bound))));
        // A change is the difference of two overheads that scatter independently.
        let floor = self.gates.of(&id, metric::find(&id)?.unit).min_abs;
        let gate = (floor > 0.0).then(|| {
            let why =
                format!("[gate], for which changes between two runs count from {} on,", Unit::Millis.show_bound(floor));
            (floor * MS / SQRT_2, why)
        });
        claims.chain(gate).min_by(|one, other| one.0.total_cmp(&other.0))
    }
}

/// Returns the smallest overhead in nanoseconds that a load resolves in nine of ten measurements; `None` for fewer than six rounds, which
/// have no interval, and without the scatter between instances.
///
/// From five instances on, the interval is that of their means, whose variance is between² + within² ÷ rounds of an instance. Below, the
/// interval is that of the rounds, and the difference between instances, which it does not contain, is added with the normal quantiles.
pub fn resolved(calibration: &Calibration, load: &LoadWork) -> Option<f64> {
    let scatter = calibration.instances.as_ref()?;
    let (rounds, instances) = (load.rounds as f64, load.instances.max(1) as f64);
    let of_scatter = if let Some(deviations) = stats::mean_resolution(load.instances).ok()? {
        deviations * scatter.between_ns.hypot(scatter.within_ns * (instances / rounds).sqrt())
    } else {
        (stats::resolution(load.rounds)? * scatter.within_ns)
            .hypot(stats::ERRORS * scatter.between_ns / instances.sqrt())
    };
    let least = calibration.noise_floor.as_ref().map_or(0.0, |floor| floor.least_ns);
    Some(of_scatter.max(least).max(STEP * scatter.overhead_ns.point.abs()))
}

/// Returns the load with the fewest rounds that resolve an overhead in nanoseconds, on the instances that share so many rounds by default;
/// and where no such number does, with the fewest instances. `None` if neither is enough.
fn enough(calibration: &Calibration, load: &LoadWork, overhead_ns: f64) -> Option<LoadWork> {
    let enough = |load: &LoadWork| resolved(calibration, load).is_some_and(|seen| seen <= overhead_ns);
    let by_default = |rounds| {
        let load = LoadWork { rounds, ..load.clone() };
        LoadWork { instances: load.best_instances(), ..load }
    };
    let by_instances = |instances| LoadWork {
        instances,
        rounds: instances * ROUNDS_OF_INSTANCE.max(load.rounds / load.instances.max(1)),
        ..load.clone()
    };
    (FEWEST_ROUNDS..=MOST_ROUNDS)
        .map(by_default)
        .find(enough)
        .or_else(|| (stats::FEWEST_UNITS as u64..=MOST_INSTANCES).map(by_instances).find(enough))
}

fn instances(load: &LoadWork) -> String {
    if load.instances == 1 { "1 instance".to_owned() } else { format!("{} instances", load.instances) }
}

fn with_load(stage: &Stage, load: &LoadWork) -> Stage {
    let mut stage = stage.clone();
    if let Some(planned) = stage.work.planned_mut().rounds_mut() {
        *planned = load.clone();
    }
    stage
}

/// Proposes a lower rate for a stage whose rate is too close to the ceiling of generator and upstream.
fn lower_rate(stage: &Stage, ceiling: f64) -> Option<Proposal> {
    let load = stage.work.planned().load().filter(|_| stage.work.planned().needs_headroom())?;
    let Pace::Open { rate, .. } = load.pace else { return None };
    if rate.0 <= SHARE.0 * ceiling {
        return None;
    }
    let name = &stage.name;
    let lower = two_digits_below(SHARE.0 * ceiling);
    let message = format!(
        "stage {name}: {rate} is {} of what generator and bundled upstream reach without a target on this host ({}); above {}, \
         it measures these instead of the target",
        Ratio(rate.0 / ceiling),
        Unit::PerSecond.show(ceiling),
        SHARE.notation()
    );
    let set = (lower > 0.0).then(|| format!("stage.{name}.rate={}", Rate(lower).notation()));
    Some(Proposal { message, sets: set.into_iter().collect() })
}

/// Rounds down to two significant digits.
fn two_digits_below(value: f64) -> f64 {
    let step = 10_f64.powf(value.log10().floor() - 1.0);
    let below = (value / step).floor() * step;
    if below.is_finite() { (below * 1e6).round() / 1e6 } else { 0.0 }
}

/// Returns the command that runs a plan with all proposals; `None` if none can be applied.
pub fn command(plan: &Plan, proposals: &[Proposal]) -> Option<String> {
    let sets: String =
        proposals.iter().flat_map(|proposal| &proposal.sets).map(|set| format!(" --set {set}")).collect();
    (!sets.is_empty()).then(|| format!("harness run {}{sets}", plan.path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::measure::calibration::{Ceiling, Figure, InstanceScatter};
    use crate::plan::Options;
    use crate::scenario::Scenario;

    fn plan(stages: &str) -> Plan {
        let text = format!(
            "name = \"t\"\n[upstream.builtin]\n[target.process]\ncommand = [\"builtin:sidecar\", \"--listen\", \
             \"127.0.0.1:{{port.proxy}}\", \"--upstream\", \"{{upstream.url}}\"]\n[target.endpoints]\n\
             proxy = \"http://127.0.0.1:{{port.proxy}}\"\n\
             [request]\npath = \"/\"\n{stages}"
        );
        let scenario = Scenario::parse(&text, Path::new("t.toml"), "/".into(), &[]).unwrap();
        Plan::new(&scenario, &Options::default()).unwrap()
    }

    fn calibration(within_us: f64, between_us: f64, ceiling: f64) -> Calibration {
        Calibration {
            instances: Some(InstanceScatter {
                within_ns: within_us * 1e3,
                between_ns: between_us * 1e3,
                rate: Rate(1_000.0),
                connections: 10,
                window_ns: 0,
                round_ns: 0,
                overhead_ns: Figure::default(),
                resolves: Vec::new(),
            }),
            ceiling: Some(Ceiling {
                rate_per_second: Figure { point: ceiling, ends: None, n: 8 },
                ..Ceiling::default()
            }),
            ..Calibration::default()
        }
    }

    #[test]
    fn a_stage_that_resolves_what_is_asked_for_stays_as_it_is() {
        let plan = plan("[stage.overhead]\nrounds = 10\n[stage.capacity]\n");
        assert_eq!(plan.proposals(&calibration(40.0, 1.0, 50_000.0)), []);
        assert_eq!(plan.proposals(&Calibration::default()), []);
        assert_eq!(command(&plan, &[]), None);
    }

    #[test]
    fn too_few_rounds_are_reported_with_the_line_to_type() {
        let plan = plan("[stage.overhead]\nrounds = 16\nwindow = \"500ms\"\n");
        let found = plan.proposals(&calibration(200.0, 1.0, 50_000.0));
        assert_eq!(found.len(), 1);
        let message = &found[0].message;
        assert!(
            message.starts_with("stage overhead: its 16 rounds on 1 instance resolve overheads of 0.2"),
            "{message}"
        );
        assert!(message.contains("from 0.1 ms on, needs 70.7 µs; "), "{message}");
        let typed = command(&plan, &found).unwrap();
        let rounds = typed.strip_prefix("harness run t.toml --set stage.overhead.rounds=").unwrap();
        // 3.24 · 200 µs ÷ √rounds = 70.7 µs at 84 rounds, and a little more because the interval uses t.
        assert!((84..130).contains(&rounds.parse::<u64>().unwrap()), "{typed}");
        assert!(message.contains(&format!("; {rounds} rounds on ")), "{message}");
        let enough = super::tests::plan(&format!("[stage.overhead]\nrounds = {rounds}\nwindow = \"500ms\"\n"));
        assert_eq!(enough.proposals(&calibration(200.0, 1.0, 50_000.0)), []);
    }

    #[test]
    fn instances_that_differ_are_not_resolved_by_more_rounds() {
        // Ten instances resolve (2.26 + 1.38) · 80 µs ÷ √10 = 92 µs, however many rounds they have.
        let plan = plan("[stage.overhead]\nrounds = 100\n");
        let found = plan.proposals(&calibration(1.0, 80.0, 50_000.0));
        let typed = command(&plan, &found).unwrap();
        let (_, instances) = typed.split_once(" --set stage.overhead.instances=").unwrap();
        // 3.24 · 80 µs ÷ √instances = 70.7 µs at 13.4 instances, and a little more because the interval uses t.
        assert!((14..18).contains(&instances.parse::<u64>().unwrap()), "{typed}");
        let hopeless = &plan.proposals(&calibration(1.0, 300.0, 50_000.0))[0];
        assert!(hopeless.sets.is_empty(), "{hopeless:?}");
        assert!(hopeless.message.contains("; no number of rounds resolves it: "), "{}", hopeless.message);
    }

    #[test]
    fn a_claim_below_what_the_gate_asks_for_decides() {
        let stages = "[stage.overhead-b]\nkind = \"overhead\"\nrounds = 16\n\
                      [targets]\n\"overhead/latency_p50@overhead-b\" = { limit = \"< 20us\" }\n";
        let found = plan(stages).proposals(&calibration(40.0, 1.0, 50_000.0));
        assert!(found[0].sets[0].starts_with("stage.overhead-b.rounds="), "{found:?}");
        assert!(found[0].message.contains("[targets] with 0.02 ms needs 20.0 µs"), "{}", found[0].message);
    }

    #[test]
    fn a_rate_beyond_three_fifths_of_the_ceiling_is_lowered() {
        let plan = plan("[stage.overhead]\nrate = \"9000/s\"\n[stage.soak]\nrate = \"5000/s\"\n[stage.capacity]\n");
        let found = plan.proposals(&calibration(1.0, 1.0, 14_900.0));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sets, ["stage.overhead.rate=8900/s"]);
        assert!(
            found[0].message.contains("9,000/s is 60.4 % of what generator and bundled upstream reach"),
            "{found:?}"
        );
        let both = plan.proposals(&calibration(1.0, 1.0, 1_000.0));
        let typed = "harness run t.toml --set stage.overhead.rate=600/s --set stage.soak.rate=600/s";
        assert_eq!(command(&plan, &both).as_deref(), Some(typed));
    }
}
