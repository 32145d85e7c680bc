//! `--quick`: the one rule for how short a run may get.

use crate::measure::soak::FEWEST_WINDOWS;
use crate::scenario::stage::FEWEST_ROUNDS;
use crate::scenario::{FaultsWork, LoadWork, SoakWork, Stage, Work};
use harness_base::units::Nanos;
use harness_load::spec::Pace;

const IDLE_LAUNCHES: u64 = 2;
const IDLE_PART: Nanos = Nanos::from_millis(300);
const WARMUP: Nanos = Nanos::from_millis(100);
const WINDOW: Nanos = Nanos::from_millis(350);
const SOAK_WARMUP: Nanos = Nanos::from_secs(1);
const SOAK_WINDOW: Nanos = Nanos::from_secs(1);
const FAULT: Nanos = Nanos::from_millis(500);

/// Requests a window still holds at low rates, so that a median means something.
const REQUESTS: f64 = 50.0;

/// Shortens a stage; what is shorter already stays as it is. Rounds and startups keep their 95 % interval; the
/// idle stage, where a launch takes longest, loses it.
pub(super) fn shorten(stage: &mut Stage) {
    match &mut stage.work {
        Work::Artifact { .. } | Work::Import(_) => {}
        Work::Startup { launches } => *launches = (*launches).min(FEWEST_ROUNDS),
        Work::Idle { launches, settle, window } => {
            *launches = (*launches).min(IDLE_LAUNCHES);
            *settle = (*settle).min(IDLE_PART);
            *window = (*window).min(IDLE_PART);
        }
        Work::Load(load) | Work::Curve { load, .. } => shorten_load(load),
        Work::Soak(soak) => shorten_soak(soak),
        Work::Faults(faults) => shorten_faults(faults),
    }
}

/// The fewest windows that have a slope. A run this short sees large leaks only, and says how large.
fn shorten_soak(soak: &mut SoakWork) {
    soak.load.warmup = soak.load.warmup.min(SOAK_WARMUP);
    soak.load.ramp = soak.load.ramp.min(soak.load.warmup);
    soak.window = SOAK_WINDOW;
    soak.load.window = soak.load.window.min(SOAK_WINDOW.times(FEWEST_WINDOWS));
}

/// What a target may take to recover stays as it is: it would be another demand.
fn shorten_faults(faults: &mut FaultsWork) {
    faults.before = faults.before.min(FAULT);
    faults.fault = faults.fault.min(FAULT);
    faults.after = faults.after.min(faults.recover.plus(FAULT));
    faults.load.window = faults.before.plus(faults.fault).plus(faults.after);
}

fn shorten_load(load: &mut LoadWork) {
    let enough = match load.pace {
        Pace::Open { rate_per_second } => Nanos((REQUESTS / rate_per_second * 1e9) as u64),
        Pace::Closed => Nanos::ZERO,
    };
    load.instances = 1;
    load.rounds = load.rounds.min(FEWEST_ROUNDS);
    load.warmup = load.warmup.min(WARMUP);
    load.ramp = load.ramp.min(load.warmup);
    load.window = load.window.min(WINDOW.max(enough));
}
