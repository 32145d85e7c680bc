//! Stands for the pod of a target in a build without Kubernetes: there is none.

use std::convert::Infallible;

use harness_rig::launch::{Ending, PodFacts};

/// Has no value.
#[derive(Debug)]
pub(crate) struct Follower(Infallible);

impl Follower {
    pub(crate) fn ended(&self) -> Option<Ending> {
        match self.0 {}
    }

    pub(crate) fn facts(&self) -> Option<PodFacts> {
        match self.0 {}
    }
}
