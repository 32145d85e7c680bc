//! Records the facts of the executable and the image.

use serde::{Deserialize, Serialize};

use crate::measure::own::{OwnFacts, no_facts};
use crate::measure::trial::Build;
use harness_image::types::ImageFacts;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Size of the executable in bytes; absent for a builtin.
    pub size_bytes: Option<u64>,
    /// The image that the stage names, or that of the head if it is a container; absent if there is none.
    pub image: Option<ImageFacts>,
    /// The image of the base if it is a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_image: Option<ImageFacts>,
}

impl OwnFacts for Stage {
    /// Takes the size of the base's file from the record's header.
    fn of_build(&self, build: Build, size_bytes: Option<u64>) -> Self {
        match build {
            Build::Head => Self { base_image: None, ..self.clone() },
            Build::Base => {
                Self { size_bytes: self.size_bytes.and(size_bytes), image: self.base_image.clone(), base_image: None }
            }
        }
    }
}

no_facts! {
    /// Has no facts, because nothing is launched.
    Instance
}
