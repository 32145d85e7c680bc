//! The hall: plain data that both wings share. What was measured, never how.

pub mod audit;
pub mod builds;
pub mod canonical;
pub mod curve;
pub mod faults;
mod fingerprint;
pub mod group;
pub mod image;
pub mod import;
pub mod journal;
pub mod latency;
pub mod launch;
pub mod metric;
pub mod numbers;
pub mod outcome;
pub mod record;
pub mod rejection;
pub mod soak;
pub mod threads;
pub mod trial;
pub mod usage;

pub use audit::{Blame, Check};
pub use faults::{FaultKind, FaultRecord, FaultsFacts};
pub use group::{GroupDelta, GroupUsage, ResourceLimits};
pub use image::ImageFacts;
pub use import::Import;
pub use latency::{LatencyHistogram, Quantiles};
pub use launch::{Ending, EngineFacts, LaunchRecord};
pub use metric::Metric;
pub use numbers::{Entry, Layout, Numbers, Quantity, Values};
pub use outcome::{Outcome, Outcomes};
pub use record::{InstanceRecord, Record, RoundRecord, RoundStatus, StageKind, StageRecord, StageStatus};
pub use soak::{SoakFacts, SoakWindow};
pub use threads::ThreadsUsage;
pub use trial::{Arm, Build, LoadFacts, Offered, TrialRecord};
pub use usage::{Reading, Series};
