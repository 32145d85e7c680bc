//! Defines what is kept of the reports of a target until the stage that describes it runs.

use crate::measure::scraped::Found;
use crate::measure::trial::Build;
use harness_base::units::Nanos;

/// What an instance reported over its valid rounds.
#[derive(Debug, Clone)]
pub(crate) struct Scraped {
    /// The stage that describes it.
    pub(crate) into: String,
    pub(crate) index: u32,
    pub(crate) build: Build,
    /// The time of these rounds.
    pub(crate) span: Nanos,
    /// Requests that they sent to the target.
    pub(crate) sent: u64,
    /// By the order of what is asked for.
    pub(crate) found: Vec<Found>,
    /// How long the target was idle after the last round.
    pub(crate) idle_span: Nanos,
    /// What was counted meanwhile, in the same order.
    pub(crate) idle: Vec<f64>,
}
