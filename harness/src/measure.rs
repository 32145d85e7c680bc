//! Defines the plain data that acting and judging modules share.

pub mod audit;
pub mod builds;
pub mod calibration;
pub mod canonical;
pub mod cell;
pub mod disturber;
pub mod exit;
pub mod facts;
pub mod fleet;
pub mod journal;
pub mod kind;
pub mod metric;
pub mod node_line;
pub mod numbers;
pub mod own;
pub mod profile;
pub mod reason;
pub mod record;
pub mod rejection;
pub mod relays;
pub mod scraped;
#[cfg(feature = "schema")]
pub(crate) mod shape;
pub mod stored_calibration;
pub mod trial;

pub use harness_image::types::{self as image, ImageFacts};
pub use harness_load::facts::{Arm, Latencies, LedgerRule, LoadFacts, Second, Slice, Ticks};
pub use harness_load::latency::{self, LatencyHistogram, Quantiles};
pub use harness_load::mcp::facts::Listened;
pub use harness_load::outcome::{self, Outcome, Outcomes};
pub use harness_load::pace::{Arrivals, Pace};
pub use harness_load::streams::{self, Streams};
pub use harness_rig::group::{self, GroupDelta, GroupUsage, ResourceLimits};
pub use harness_rig::host::{GitFacts, HostFacts, Reference, Setting, ToolFacts, Tuning};
pub use harness_rig::launch::{self, Ending, EngineFacts, LaunchRecord, PodFacts};
pub use harness_rig::page_cache::Dropped;
pub use harness_rig::paths::{self, PathName, Paths};
pub use harness_rig::stopwatch::TimedRun;
pub use harness_rig::threads::{self, ThreadsUsage};
pub use harness_rig::usage::{self, Reading, Series};

pub use audit::{Blame, Check, Rule, Tag};
pub use calibration::Calibration;
pub use cell::{CellFacts, CellValue};
pub use facts::{InstanceFacts, StageFacts};
pub use fleet::{FleetFacts, FleetShape, FleetTrial};
pub use kind::StageKind;
pub use metric::Metric;
pub use numbers::{Entry, Layout, Numbers, Quantity, Values};
pub use profile::Profile;
pub use reason::{Failure, Reason, Warning};
pub use record::{InstanceRecord, Record, RoundRecord, RoundStatus, StageRecord, StageStatus};
pub use relays::{NetemFacts, NetemLine, RelayFacts, RelayLag};
pub use trial::{Build, TrialRecord};
