//! Judges one value per round. Both arms lead to the same server, so neither is a bottleneck of the other.

use crate::verdict::judging::Judging;

pub(crate) const JUDGING: Judging = Judging { has_bottleneck: false, ..Judging::ROUNDS };
