//! Baseline: the runs a new run is held against, stored below `results/baselines/` and committed with the code.

mod record;

pub use record::{Baseline, Promoted, SCHEMA_VERSION, StoredMetric};
