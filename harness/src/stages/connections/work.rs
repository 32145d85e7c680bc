//! Plans rounds whose connections are closed after a number of requests.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::{LoadWork, PerConnection};
use crate::work::planned::RoundsWork;

/// Has always [`LoadWork::per_connection`].
#[derive(Debug, Clone, PartialEq)]
pub struct Work(pub LoadWork);

impl RoundsWork for Work {
    fn load(&self) -> &LoadWork {
        &self.0
    }

    fn load_mut(&mut self) -> &mut LoadWork {
        &mut self.0
    }

    fn facts(&self) -> StageFacts {
        let used = self.0.per_connection.unwrap_or(PerConnection { requests: 1, resumption: None });
        Stage { requests_per_connection: used.requests, resumption: used.resumption }.into()
    }
}
