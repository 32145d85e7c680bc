//! Defines the lines of the file that states what each node of a fleet did in each trial.

use serde::{Deserialize, Serialize};

use super::trial::Build;
use harness_load::facts::Arm;
use harness_load::nodes::NodeTrial;

/// Name of the file in the folder of a run that has a line for each node and trial.
pub const FILE: &str = "nodes.jsonl";

/// A line of [`FILE`]: what one node did in one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeLine {
    pub stage: String,
    /// From 0 within the stage.
    pub instance: u32,
    /// From 0 within the instance.
    pub round: u32,
    pub build: Build,
    pub arm: Arm,
    pub node: NodeTrial,
}
