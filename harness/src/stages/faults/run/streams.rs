//! Stops the target while streams are open through it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::measure::LoadFacts;
use crate::run::bench::Bench;
use crate::run::cancels::{self, LIMIT, PAUSE};
use crate::run::halt::Halt;
use crate::stages::faults::facts::{FaultKind, StreamsMet};
use crate::stages::faults::work::Work;
use crate::work::Stage;
use harness_base::clock::Mono;

/// Returns the stage as it is needed for a fault: with requests that ask for streams if it is about them.
pub(super) fn asking<'s>(stage: &'s Stage, work: &Work, kind: FaultKind) -> Cow<'s, Stage> {
    let mut stage = Cow::Borrowed(stage);
    if kind == FaultKind::StopStreams {
        let asked = work.asked_stream();
        stage.to_mut().requests.iter_mut().for_each(|request| asked.ask(request));
    }
    stage
}

/// Returns what became of the streams that were open when the target was stopped, as the generator and the upstream saw it. Waits until the
/// upstream has seen the end of all of them, but not longer than the limit.
///
/// # Errors
/// Returns [`Halt::Failed`] if the upstream does not answer.
pub(super) async fn met(bench: &Bench, load: &mut LoadFacts, stopped: Mono) -> Result<StreamsMet, Halt> {
    // Their times are those of a closed loop that was broken off, so they are no result.
    let ends = load.streams.take().map(|streams| streams.ends).unwrap_or_default();
    let until = Mono::now().after(LIMIT);
    let (mut finished, mut cancelled) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let is_last = Mono::now() >= until;
        let seen = cancels::take(bench).await?;
        finished.extend(seen.finished);
        cancelled.extend(seen.cancelled.iter().map(|cancelled| cancelled.stream));
        let met = StreamsMet::of(&ends, stopped, &finished, &cancelled);
        if is_last || met.unseen() == 0 {
            return Ok(met);
        }
        tokio::time::sleep(PAUSE.duration()).await;
    }
}
