//! Stands for Kubernetes in a build without it: nothing can be placed.

use std::convert::Infallible;

use super::placed::Placed;
use super::trouble::Trouble;
use crate::plan::Plan;
use crate::work::Stage;
use harness_fleet::secret::NodeSecret;
use harness_fleet::spec::FleetSpec;
use harness_load::Streams;

/// Has no value.
#[derive(Debug)]
pub(crate) struct OnKubernetes(Infallible);

impl OnKubernetes {
    pub(super) async fn create(_: &FleetSpec, _: &Plan, _: &str) -> Result<Self, Trouble> {
        Err(Trouble::Without)
    }

    pub(super) async fn leftovers(&self) -> Vec<String> {
        match self.0 {}
    }

    pub(super) async fn hub(&self) -> Result<Streams, Trouble> {
        match self.0 {}
    }

    pub(super) async fn place(&self, _: &FleetSpec, _: &NodeSecret) -> Result<(), Trouble> {
        match self.0 {}
    }

    pub(super) async fn failures(&self) -> Vec<String> {
        match self.0 {}
    }

    pub(super) async fn remove(&self) {
        match self.0 {}
    }

    pub(crate) fn agent(&self, _: &str) -> String {
        match self.0 {}
    }

    pub(crate) async fn start_target(&self, _: &Plan, _: &Stage, _: &str) -> Result<Placed, Trouble> {
        match self.0 {}
    }

    pub(crate) async fn log_tail(&self, _: &str, _: &str) -> Vec<String> {
        match self.0 {}
    }

    pub(crate) async fn end_target(&self, _: &str) {
        match self.0 {}
    }
}
