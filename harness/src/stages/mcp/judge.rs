//! Judges one value per round.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging::ROUNDS;
