//! Formats the calibration of the host for reports.

use crate::measure::calibration::{Calibration, INSTANCES, InstanceScatter, NoiseFloor, Resolution};
use crate::measure::metric::Unit;
use crate::measure::{HostFacts, ToolFacts};
use harness_base::units::Nanos;

/// Formats the resolution and the ceiling of the host with their day; or why the calibration does not apply to `tool`
/// on `host`.
pub fn quote(calibration: &Calibration, host: &HostFacts, tool: &ToolFacts) -> String {
    if let Some(why) = calibration.unfit(host, tool) {
        return format!(
            "not calibrated: the calibration of {} is {why}, so it is not used; measure with: harness calibrate",
            calibration.date()
        );
    }
    let quick = if calibration.quick { ", quick" } else { "" };
    let changed = match calibration.overrides.as_slice() {
        [] => String::new(),
        overrides => format!(", with {}", overrides.join(", ")),
    };
    let resolution = calibration.instances.as_ref().map_or_else(|| unknown(calibration), resolves);
    let biased = calibration.noise_floor.as_ref().map(biased).unwrap_or_default();
    let mut parts = vec![resolution + &biased];
    parts.extend(calibration.ceiling.as_ref().map(|ceiling| {
        let rate = Unit::PerSecond.show(ceiling.rate_per_second.point);
        format!("generator and bundled upstream reach {rate}, bounded by {}", ceiling.bound.by)
    }));
    format!("{}; measured on {}{quick}{changed}", parts.join("; "), calibration.date())
}

fn resolves(scatter: &InstanceScatter) -> String {
    let one = |resolution: &Resolution| format!("±{} in {}", ns(resolution.overhead_ns), span(resolution.measuring_ns));
    let all: Vec<String> = scatter.resolves.iter().map(one).collect();
    format!("this host resolves overheads of {}", all.join(", "))
}

fn biased(floor: &NoiseFloor) -> String {
    match floor.difference_ns.holds_zero() {
        Some(false) => format!(" (direct against direct differs by {})", ns(floor.difference_ns.point)),
        _ => String::new(),
    }
}

fn unknown(calibration: &Calibration) -> String {
    let why = calibration.absent.iter().find(|absent| absent.part == INSTANCES);
    let why = why.map_or("it was made by an older harness; run: harness calibrate", |absent| absent.reason.as_str());
    format!("the resolution of this host is unknown ({why})")
}

/// Formats nanoseconds like latencies.
pub fn ns(value: f64) -> String {
    Unit::Millis.show(value / 1e6)
}

/// Formats the duration of a measurement: `10 s`, `10 min`.
pub fn span(measuring_ns: u64) -> String {
    let seconds = Nanos(measuring_ns).as_secs_f64();
    if seconds >= 120.0 { format!("{} min", seconds / 60.0) } else { format!("{seconds} s") }
}
