//! Compares the streams that the generator left with the instants at which the bundled upstream noticed it.

use std::collections::BTreeMap;

use super::bench::Bench;
use super::halt::Halt;
use crate::measure::LoadFacts;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use mock_upstream::upstream::CancelReport;

/// How long the upstream is watched after the last stream was left. A target that cancels later than that does not cancel.
pub(crate) const LIMIT: Nanos = Nanos::from_millis(300);
/// The pause between two looks.
pub(crate) const PAUSE: Nanos = Nanos::from_millis(20);

/// The upstream did not say which streams were cancelled.
#[derive(Debug, thiserror::Error)]
#[error("cannot read which streams the upstream saw cancelled: {cause}; see upstream.log beside the result")]
struct Error {
    cause: String,
}

/// Replaces the streams that a trial left by the times after which the upstream noticed it. Waits until it has noticed all of them, but not
/// longer than the limit.
///
/// # Errors
/// Returns [`Halt::Failed`] if the upstream does not answer.
pub(crate) async fn settle(bench: &Bench, load: &mut LoadFacts) -> Result<(), Halt> {
    let Some(streams) = load.streams.as_mut() else { return Ok(()) };
    let Some(last) = streams.left.iter().map(|left| left.at).max() else { return Ok(()) };
    if bench.admin().is_none() {
        return Ok(());
    }
    let mut noticed = BTreeMap::new();
    loop {
        let is_last = Mono::now() >= last.after(LIMIT);
        let seen = take(bench).await?;
        noticed.extend(seen.cancelled.iter().map(|cancelled| (cancelled.stream, Mono(cancelled.at_ns))));
        if is_last || streams.unnoticed(&noticed) == 0 {
            break;
        }
        tokio::time::sleep(PAUSE.duration()).await;
    }
    streams.settle(&noticed, LIMIT);
    Ok(())
}

/// Returns the streams that the upstream saw cancelled or finished since the last look; none if it is not the bundled one.
///
/// # Errors
/// Returns [`Halt::Failed`] if the upstream does not answer.
pub(crate) async fn take(bench: &Bench) -> Result<CancelReport, Halt> {
    let Some(admin) = bench.admin() else { return Ok(CancelReport { cancelled: Vec::new(), finished: Vec::new() }) };
    let report: Result<CancelReport, _> = admin.ask("cancelled").await;
    report.map_err(|cause| bench.without_upstream(&Error { cause: cause.to_string() }))
}
