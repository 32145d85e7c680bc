//! Proposes changes to a plan from the calibration of the host: more rounds for a smaller resolution, and a lower rate
//! if generator or upstream would be the limit.

use std::f64::consts::SQRT_2;

use super::Plan;
use crate::measure::calibration::{Calibration, NoiseFloor};
use crate::measure::metric::{self, Unit};
use crate::work::Stage;
use harness_base::units::{Rate, Ratio};
use harness_load::pace::Pace;
use harness_stats as stats;

/// Largest share of the ceiling for an arrival rate; above it, latency is queueing in generator and upstream.
const SHARE: Ratio = Ratio(0.60);

/// Nanoseconds in the unit of that metric.
const MS: f64 = 1e6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The reason: the stage, its requirement, and the capability of this host.
    pub message: String,
    /// The key and value for `--set`; absent if no value is sufficient.
    pub set: Option<String>,
}

impl Plan {
    /// Proposes changes; empty if none is needed. The calibration must be that of the host on which the plan will run.
    pub fn proposals(&self, calibration: &Calibration) -> Vec<Proposal> {
        let ceiling = calibration.ceiling.as_ref().map(|ceiling| ceiling.rate_per_second.point);
        let of = |stage: &Stage| {
            let lower = ceiling.and_then(|ceiling| lower_rate(stage, ceiling));
            // --quick changes the number of rounds.
            let floor = calibration.noise_floor.as_ref().filter(|_| !self.scenario.quick);
            let more = floor.and_then(|floor| self.more_rounds(stage, floor));
            [more, lower]
        };
        self.stages.iter().flat_map(of).flatten().collect()
    }

    /// Proposes more rounds for a stage that needs a finer resolution. A longer window or another rate is assumed to
    /// resolve no more than that of the calibration.
    fn more_rounds(&self, stage: &Stage, floor: &NoiseFloor) -> Option<Proposal> {
        let load = stage.work.planned().rounds()?;
        let (asked, why) = self.smallest_asked(stage)?;
        let seen = resolved(floor, load.rounds)?;
        if seen <= asked {
            return None;
        }
        let name = &stage.name;
        let shown = |ns: f64| Unit::Millis.show(ns / MS);
        let message = format!(
            "stage {name}: its {} rounds resolve overheads of {} on this host, but {why} needs {}",
            load.rounds,
            shown(seen),
            shown(asked)
        );
        Some(match rounds_that_resolve(floor, asked) {
            Some(rounds) => {
                let takes = with_rounds(stage, rounds).expected_duration();
                Proposal {
                    message: format!("{message}; {rounds} rounds resolve it and take about {takes}"),
                    set: Some(format!("stage.{name}.rounds={rounds}")),
                }
            }
            None => Proposal {
                message: format!(
                    "{message}; no number of rounds resolves less than {}: check this host with harness doctor, and \
                     calibrate again",
                    shown(floor.least_ns)
                ),
                set: None,
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

/// Returns the smallest overhead in nanoseconds that so many rounds resolve; `None` for fewer than six, which have no
/// interval.
pub fn resolved(floor: &NoiseFloor, rounds: u64) -> Option<f64> {
    stats::resolution(rounds).map(|deviations| (deviations * floor.scatter_ns).max(floor.least_ns))
}

/// Returns the smallest number of rounds that resolves an overhead in nanoseconds; `None` if no number does.
fn rounds_that_resolve(floor: &NoiseFloor, overhead_ns: f64) -> Option<u64> {
    if overhead_ns < floor.least_ns {
        return None;
    }
    stats::rounds_for(overhead_ns / floor.scatter_ns)
}

fn with_rounds(stage: &Stage, rounds: u64) -> Stage {
    let mut stage = stage.clone();
    if let Some(load) = stage.work.planned_mut().rounds_mut() {
        load.rounds = rounds;
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
    Some(Proposal { message, set: (lower > 0.0).then(|| format!("stage.{name}.rate={}", Rate(lower).notation())) })
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
        proposals.iter().filter_map(|proposal| proposal.set.as_ref()).map(|set| format!(" --set {set}")).collect();
    (!sets.is_empty()).then(|| format!("harness run {}{sets}", plan.path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::measure::calibration::{Ceiling, Figure};
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

    fn calibration(scatter_us: f64, least_us: f64, ceiling: f64) -> Calibration {
        Calibration {
            noise_floor: Some(NoiseFloor {
                scatter_ns: scatter_us * 1e3,
                least_ns: least_us * 1e3,
                rate: Rate(1_000.0),
                connections: 10,
                window_ns: 0,
                round_ns: 0,
                p50_ns: Figure::default(),
                difference_ns: Figure::default(),
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
        assert!(message.starts_with("stage overhead: its 16 rounds resolve overheads of 0.2"), "{message}");
        assert!(message.contains("from 0.1 ms on, needs 70.7 µs; "), "{message}");
        // 0.1 ms ÷ √2 of 0.2 ms.
        let rounds = stats::rounds_for(0.5 / SQRT_2).unwrap();
        assert!(
            (100..180).contains(&rounds) && message.contains(&format!("; {rounds} rounds resolve it and take about ")),
            "{message}"
        );
        let typed = format!("harness run t.toml --set stage.overhead.rounds={rounds}");
        assert_eq!(command(&plan, &found), Some(typed));
        let enough = super::tests::plan(&format!("[stage.overhead]\nrounds = {rounds}\n"));
        assert_eq!(enough.proposals(&calibration(200.0, 1.0, 50_000.0)), []);
        let hopeless = &plan.proposals(&calibration(200.0, 90.0, 50_000.0))[0];
        assert_eq!(hopeless.set, None);
        assert!(hopeless.message.contains("no number of rounds resolves less than 90.0 µs"), "{}", hopeless.message);
    }

    #[test]
    fn a_claim_below_what_the_gate_asks_for_decides() {
        let stages = "[stage.overhead-b]\nkind = \"overhead\"\nrounds = 16\n\
                      [targets]\n\"overhead/latency_p50@overhead-b\" = { limit = \"< 20us\" }\n";
        let found = plan(stages).proposals(&calibration(40.0, 1.0, 50_000.0));
        let rounds = stats::rounds_for(20.0 / 40.0).unwrap();
        assert_eq!(found[0].set, Some(format!("stage.overhead-b.rounds={rounds}")));
        assert!(found[0].message.contains("[targets] with 0.02 ms needs 20.0 µs"), "{}", found[0].message);
    }

    #[test]
    fn a_rate_beyond_three_fifths_of_the_ceiling_is_lowered() {
        let plan = plan("[stage.overhead]\nrate = \"9000/s\"\n[stage.soak]\nrate = \"5000/s\"\n[stage.capacity]\n");
        let found = plan.proposals(&calibration(1.0, 1.0, 14_900.0));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].set.as_deref(), Some("stage.overhead.rate=8900/s"));
        assert!(
            found[0].message.contains("9,000/s is 60.4 % of what generator and bundled upstream reach"),
            "{found:?}"
        );
        let both = plan.proposals(&calibration(1.0, 1.0, 1_000.0));
        let typed = "harness run t.toml --set stage.overhead.rate=600/s --set stage.soak.rate=600/s";
        assert_eq!(command(&plan, &both).as_deref(), Some(typed));
    }
}
