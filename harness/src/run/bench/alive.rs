//! Watches whether a target lives.

use std::time::Duration;

use crate::measure::reason::{Cause, When};
use crate::measure::{Ending, Failure};
use crate::run::halt::Halt;
use harness_base::exit::Exit;
use harness_rig::keeper;
use harness_rig::target::Running;

/// Interval of checks whether the target lives, while something else is awaited.
const LOOK: Duration = Duration::from_millis(20);
/// Number of log lines that a failure contains.
pub(crate) const LINES: usize = 8;

/// Returns how a target ended. If the process ended but left a detached one, the target lives on in that one.
pub(super) fn gone(running: &Running) -> Option<Ending> {
    let ending = running.ended()?;
    let goes_on = running.mark.as_ref().is_some_and(|mark| keeper::bearers(mark).iter().any(|pid| *pid != running.pid));
    (!goes_on).then_some(ending)
}

/// Runs `work` unless the target ends first.
pub(super) async fn alive<T>(target: &Running, work: impl Future<Output = T>) -> Result<T, Halt> {
    let ended = async {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(ending) = gone(target) {
                break ending;
            }
        }
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        ending = ended => {
            let cause = Cause::TargetEnded { ending, when: When::Measured };
            let failure = Failure::new(cause, Exit::TargetFailed);
            Err(Halt::from(failure.with_log(target.log_tail(LINES))))
        }
    }
}
