//! Decides whether processes of the run held the CPUs. Generator, upstream and target share them, which is reported and not dropped: it is
//! so because of the target, and dropping it would select the rounds in which the target did little.

use super::{Evidence, Limits, OwnProcess, RelayFacts, Tag, judged_lag, judged_read_lag};
use harness_load::pace::Pace;

/// Largest share of CPU time of others and of the hypervisor at which they are not why the generator waited.
const OTHERS: f64 = 0.02;
/// Smallest share of the CPUs that target and upstream used if they are why.
const OURS: f64 = 0.20;
/// Smallest share of the window for which the generator was runnable without a CPU.
const WAITED: f64 = 0.005;

/// Returns the tags of a valid trial: [`Tag::CoLocated`] if a generator or upstream thread was runnable, or a relay busy, for so much of
/// a closed-loop window that the rate may be the limit of the host rather than of the target, or if only the target or the
/// upstream kept the generator of an open loop waiting for a CPU.
pub fn tags(evidence: &Evidence<'_>, limits: &Limits) -> Vec<Tag> {
    let closed = matches!(evidence.offered, Pace::Closed { .. });
    let busiest = saturation(evidence, limits).or_else(|| relaying(evidence, limits)).filter(|_| closed);
    let held = || is_held_by_run(evidence, limits).then(|| (OwnProcess::Generator, runnable(evidence)));
    busiest.or_else(held).map(|(process, share)| Tag::CoLocated { process, share }).into_iter().collect()
}

/// Returns which of our processes had a thread that was runnable for at least the saturation share of the window, and
/// for what share.
pub(super) fn saturation(evidence: &Evidence<'_>, limits: &Limits) -> Option<(OwnProcess, f64)> {
    let generator = evidence.readings.busiest_thread(|reading| reading.generator.as_ref());
    let upstream = evidence.readings.busiest_thread(|reading| reading.upstream.as_ref());
    let saturated = |share: &f64| *share >= limits.saturated.0;
    let generator = generator.filter(saturated).map(|share| (OwnProcess::Generator, share));
    generator.or_else(|| upstream.filter(saturated).map(|share| (OwnProcess::Upstream, share)))
}

/// Returns for what share of the time the busiest relay used a CPU, if it is at least the saturation share. A relay has one thread.
fn relaying(evidence: &Evidence<'_>, limits: &Limits) -> Option<(OwnProcess, f64)> {
    let busiest = evidence.relays.iter().map(RelayFacts::busy).max_by(f64::total_cmp)?;
    (busiest >= limits.saturated.0).then_some((OwnProcess::Relay, busiest))
}

/// Returns whether only the target or the upstream kept the generator of an open loop waiting for a CPU, so that it released requests or
/// read answers late.
pub(super) fn is_held_by_run(evidence: &Evidence<'_>, limits: &Limits) -> bool {
    let readings = evidence.readings;
    let Pace::Open { .. } = evidence.offered else { return false };
    let released_late = judged_lag(evidence.load).is_some_and(|judged| judged.lag > limits.pacer_lag_p99);
    let read_late = judged_read_lag(evidence.load).is_some_and(|judged| judged.lag > limits.read_lag_p99);
    if !released_late && !read_late {
        return false;
    }
    let (Some(steal), Some(foreign)) = (readings.steal(), readings.foreign_cpu()) else { return false };
    let used = [readings.target_cpu_ns(), readings.own_cpu_ns(|reading| reading.upstream.as_ref())];
    let used: u64 = used.into_iter().flatten().sum();
    let available =
        readings.span_ns().zip(readings.host_cpus()).map_or(f64::INFINITY, |(span, cpus)| span as f64 * cpus);
    let waited = readings.waiting(|reading| reading.generator.as_ref()).unwrap_or(0.0);
    let is_overloaded = matches!(saturation(evidence, limits), Some((OwnProcess::Generator, _)));
    steal + foreign <= OTHERS && used as f64 >= OURS * available && waited >= WAITED && !is_overloaded
}

/// Returns the share of the window for which the busiest thread of the generator was runnable.
fn runnable(evidence: &Evidence<'_>) -> f64 {
    evidence.readings.busiest_thread(|reading| reading.generator.as_ref()).unwrap_or(0.0)
}
