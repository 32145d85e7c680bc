//! What the look at the executable found.

use serde::{Deserialize, Serialize};

use crate::measure::own::OwnFacts;
use crate::measure::trial::Build;
use harness_image::types::ImageFacts;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Size of the executable in bytes; absent for a builtin.
    pub size_bytes: Option<u64>,
    /// The image that the stage names, or that the head is a container of; absent where there is none.
    pub image: Option<ImageFacts>,
    /// The image that the base is a container of.
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

/// Nothing is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Instance {}

impl OwnFacts for Instance {}
