//! Judges one value per instance. What fails during a reload is a result.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging =
    Judging { head_alone: true, has_bottleneck: false, errors_are_results: true, ..Judging::ROUNDS };
