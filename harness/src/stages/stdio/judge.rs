//! Judges one value per round. The direct arm is no upstream behind the target but its rival, so neither is a bottleneck of the other.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { has_bottleneck: false, ..Judging::ROUNDS };
