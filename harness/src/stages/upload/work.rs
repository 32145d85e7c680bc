//! Plans rounds of transfers.

use super::facts::Stage;
use crate::work::planned::Rounds;

pub type Work = Rounds<Stage>;
