//! Rounds are judged one value each.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging::ROUNDS;
