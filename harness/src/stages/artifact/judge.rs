//! The executable has values that do not vary.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging::LAUNCHES;
