//! Asks the relays of a path what they did, and computes it between two of their reports.

use std::iter;

use super::admin::Admin;
use super::halt::Halt;
use super::ledger::stalled;
use super::netem::{self, NetemCount, Shaped};
use crate::measure::reason::Cause;
use crate::measure::{Failure, LoadFacts, PathName, RelayFacts, RelayLag};
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::target::Running;
use mock_upstream::relay::{DirectionReport, LagCount, RelayReport, RouteReport};

/// Number of log lines that a failure contains.
pub(crate) const LINES: usize = 8;

/// A relay that listens.
pub(crate) struct Relay {
    pub(crate) path: PathName,
    pub(crate) admin: Admin,
    pub(crate) running: Running,
    /// What netem does before it; absent if it makes its path itself.
    pub(crate) shaped: Option<Shaped>,
}

/// What a relay did since its start.
#[derive(Debug, Clone)]
pub(crate) struct RelayCount {
    pub(crate) path: PathName,
    pub(crate) report: RelayReport,
    pub(crate) netem: Option<NetemCount>,
}

impl Relay {
    async fn count(&self) -> Result<RelayCount, Halt> {
        let Self { path, admin, running, .. } = self;
        match admin.ask("counts").await {
            Ok(report) => Ok(RelayCount { path: *path, report, netem: None }),
            Err(error) => {
                let what = format!("the relay of the {} path does not say what it did", path.name());
                let causes = iter::once(what).chain(causes(&*error)).collect();
                let failure = Failure::new(Cause::Error(causes), Exit::Usage);
                Err(Halt::from(failure.with_log(running.log_tail(LINES))))
            }
        }
    }
}

/// Reads what relays did so far, in their order.
///
/// # Errors
/// Returns [`Halt::Failed`] if one gives no answer within ten seconds, or has ended.
pub(crate) async fn counts(relays: &[Relay]) -> Result<Vec<RelayCount>, Halt> {
    let mut counts = Vec::with_capacity(relays.len());
    for relay in relays {
        counts.push(relay.count().await?);
    }
    // One reading has the counts of all.
    if let Some(shaped) = relays.iter().find_map(|relay| relay.shaped.as_ref()) {
        let read = shaped.counts().await?;
        for (count, relay) in counts.iter_mut().zip(relays) {
            count.netem = relay.shaped.as_ref().map(|shaped| shaped.own(&read));
        }
    }
    Ok(counts)
}

/// Returns what each relay did between two readings of the same relays, around the trial with this load.
pub(crate) fn between(before: &[RelayCount], after: &[RelayCount], load: &LoadFacts) -> Vec<RelayFacts> {
    let facts = |(before, after): (&RelayCount, &RelayCount)| RelayFacts {
        netem: before.netem.zip(after.netem).map(|(before, after)| netem::between(before, after)),
        ..facts(after.path, &before.report, &after.report, load)
    };
    before.iter().zip(after).map(facts).collect()
}

fn facts(path: PathName, before: &RelayReport, after: &RelayReport, load: &LoadFacts) -> RelayFacts {
    let of = |count: fn(&RouteReport) -> u64| {
        let sum = |report: &RelayReport| report.routes.iter().map(count).sum::<u64>();
        sum(after).saturating_sub(sum(before))
    };
    let window = (load.window_start, Nanos(load.window_ns));
    RelayFacts {
        path,
        span_ns: after.at_ns.saturating_sub(before.at_ns),
        cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
        connections: of(|route| route.connections),
        refused: of(|route| route.refused),
        reset: of(|route| route.reset),
        bytes: of(|route| both(route, |direction| direction.bytes)),
        chunks: of(|route| both(route, |direction| direction.chunks)),
        delay_sum_ns: of(|route| both(route, |direction| direction.delay_sum_ns)),
        lag: RelayLag::of(&added(&before.lags, &after.lags)),
        wait: RelayLag::of(&added(&before.waits, &after.waits)),
        stall_ns: after.stalls.as_ref().map(|spans| stalled(spans, window.0, window.1).0),
        netem: None,
    }
}

fn both(route: &RouteReport, of: fn(&DirectionReport) -> u64) -> u64 {
    of(&route.forward) + of(&route.backward)
}

/// Returns the values that were added to a histogram, in rising order, with their numbers.
fn added(before: &[LagCount], after: &[LagCount]) -> Vec<(u64, u64)> {
    let known = |up_to_ns: u64| before.iter().find(|step| step.up_to_ns == up_to_ns).map_or(0, |step| step.count);
    let added = after.iter().map(|step| (step.up_to_ns, step.count.saturating_sub(known(step.up_to_ns))));
    added.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::clock::Mono;
    use mock_upstream::upstream::StallSpan;

    fn report(at_ns: u64, chunks: u64, lags: &[(u64, u64)]) -> RelayReport {
        let direction =
            DirectionReport { bytes: 10 * chunks, chunks, delay_sum_ns: 5 * chunks, ..DirectionReport::default() };
        let route = RouteReport {
            listen: String::new(),
            to: String::new(),
            connections: chunks,
            refused: 0,
            reset: 0,
            forward: direction,
            backward: direction,
        };
        let stall = StallSpan { from_ns: 900, until_ns: 1_100, stolen_ns: 40 };
        RelayReport {
            at_ns,
            cpu_ns: at_ns / 4,
            routes: vec![route.clone(), route],
            lags: lags.iter().map(|(up_to_ns, count)| LagCount { up_to_ns: *up_to_ns, count: *count }).collect(),
            waits: Vec::new(),
            stalls: Some(vec![stall]),
        }
    }

    #[test]
    fn only_what_was_added_between_two_reports_counts() {
        let count = |report| vec![RelayCount { path: PathName::Client, report, netem: None }];
        let before = count(report(1_000, 3, &[(7, 100), (90, 4)]));
        let after = count(report(3_000, 10, &[(7, 150), (80, 1), (90, 4)]));
        let load = LoadFacts { window_start: Mono(1_000), window_ns: 500, ..LoadFacts::default() };
        let [facts] = between(&before, &after, &load).try_into().unwrap();
        assert_eq!((facts.connections, facts.chunks, facts.bytes, facts.delay_sum_ns), (14, 28, 280, 140));
        assert_eq!(facts.lag.map(|lag| lag.largest_ns), Some(80), "the lag of 90 ns is older");
        assert_eq!((facts.wait, facts.stall_ns), (None, Some(60)), "the part in the window, without what was stolen");
        assert!((facts.busy() - 0.25).abs() < 1e-9);
    }
}
