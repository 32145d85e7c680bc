//! Waits until a request that was claimed is due.

use super::trial::{NextRequest, Trial, Turn};
use harness_base::clock::Mono;
use harness_base::timer::Timer;

/// Waits until the claimed request starts; returns `None` when a closed loop's window is over.
pub(super) async fn release(trial: &Trial, claim: &NextRequest, timer: &mut Timer) -> Option<Turn> {
    match *claim {
        NextRequest::Slot { intended, late: false } => {
            let woke = timer.until(intended).await;
            Some(Turn { intended, released: woke, sent: woke, late: false })
        }
        NextRequest::Slot { intended, late: true } => {
            Some(Turn { intended, released: intended, sent: Mono::now(), late: true })
        }
        NextRequest::Now => {
            let now = Mono::now();
            let turn = Turn { intended: now, released: now, sent: now, late: false };
            (now < trial.window_end).then_some(turn)
        }
        NextRequest::Over => None,
    }
}
