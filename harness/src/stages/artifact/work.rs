//! Plans the inspection of the executable.

use std::path::PathBuf;

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::planned::StageWork;
use harness_base::units::Nanos;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// An image in OCI layout, an archive of one, or one of `docker save`, which is inspected too.
    pub image: Option<PathBuf>,
}

impl StageWork for Work {
    fn describe(&self) -> String {
        match &self.image {
            None => "inspects the executable".to_owned(),
            Some(image) => format!("inspects the executable and image {}", image.display()),
        }
    }

    fn duration(&self) -> Nanos {
        Nanos::ZERO
    }

    fn shorten(&mut self) {}

    fn wanted(&self) -> u64 {
        1
    }

    fn launches_builds(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage::default().into()
    }
}
