//! Plans rounds whose connections are closed after a number of requests.

use super::facts::Stage;
use crate::work::planned::Rounds;

/// Has always [`LoadWork::per_connection`](crate::work::load::LoadWork::per_connection).
pub type Work = Rounds<Stage>;
