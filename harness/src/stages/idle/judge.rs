//! Judges one value per launch.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging::LAUNCHES;
