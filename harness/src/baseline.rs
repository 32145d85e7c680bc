//! Stores baselines, the runs that a new run is compared with, below `results/baselines/`, which is committed with the
//! code.
//!
//! A baseline is one file, `<scenario>/<name>.json`, with the runs promoted into it, oldest first. Missing, damaged and newer files
//! are three different errors, and no baseline at all is an answer of its own: none of them is "no regression".

pub mod branch;
mod check;
mod choice;
mod error;
mod record;
mod retention;
mod setup;
mod store;

pub use check::check;
pub use choice::{Choice, Found, Wanted, choose, find};
pub use error::Error;
pub use record::{Baseline, Direct, Promoted, SCHEMA_VERSION, StoredMetric};
pub use retention::{KEEP_DAYS, Pruned, prune};
pub use store::{Held, Store, parse};

/// Default folder of the baselines.
pub const FOLDER: &str = "results/baselines";
