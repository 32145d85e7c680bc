//! Judges one value per round.

use crate::verdict::judgement::metric::Measured;
use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { notes, ..Judging::ROUNDS };

/// Explains a resident set above the peak of the control group.
fn notes(metrics: &[&Measured]) -> Vec<String> {
    let point = |name: &str| {
        let found = metrics.iter().find(|metric| metric.id.starts_with(name))?;
        Some((&found.id, found.estimate()?.point))
    };
    let (Some((rss_id, rss)), Some((peak_id, peak))) =
        (point("memory/constrained_rss"), point("memory/constrained_peak"))
    else {
        return Vec::new();
    };
    let note = format!(
        "{rss_id} is above {peak_id}: the resident set includes the pages of program files, which are charged to the control group that read them first, for example that of an earlier launch; the limit applies to what is charged"
    );
    if rss > peak { vec![note] } else { Vec::new() }
}
