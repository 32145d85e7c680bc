//! Plans the rounds of a closed loop.

use super::facts::Stage;
use crate::work::planned::Rounds;

pub type Work = Rounds<Stage>;
