//! Judges the executable, whose values do not vary.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging::LAUNCHES;
