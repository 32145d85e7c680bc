//! Judges one value per round.

use crate::measure::metric::Unit;
use crate::verdict::judgement::metric::Measured;
use crate::verdict::judging::Judging;

/// The share of resumed handshakes below which a note says so, in percent.
const RESUMED: f64 = 99.0;

pub(crate) const JUDGING: Judging = Judging { notes, ..Judging::ROUNDS };

/// States how many handshakes did not resume a session.
fn notes(metrics: &[&Measured]) -> Vec<String> {
    let found = metrics.iter().find(|metric| metric.id.starts_with("connections/resumed_percent"));
    let share = found.and_then(|metric| Some(metric.estimate()?.point)).filter(|share| *share < RESUMED);
    let note = |share: f64| {
        format!(
            "the target resumed {} of the TLS sessions: the others cost a full handshake, which is in latency and CPU time per connection",
            Unit::Percent.show(share)
        )
    };
    share.map(note).into_iter().collect()
}
