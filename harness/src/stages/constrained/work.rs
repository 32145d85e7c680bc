//! Plans the rounds within resource limits.

use super::facts::Stage;
use crate::work::planned::Rounds;

pub type Work = Rounds<Stage>;
