//! The table of metrics. One row is one metric, everywhere: reports, targets, thresholds, Bencher and `docs/metrics.md`
//! iterate it, and nothing else knows a metric's unit or direction.

pub mod bencher;
pub(crate) mod fact;
pub(crate) mod row;
mod shown;
pub(crate) mod table;
pub(crate) mod unit;
pub(crate) mod values;

pub use bencher::{MEASURES, Measure};
pub use fact::{Fact, FactKind, FactValue};
pub use row::{Absent, Kind, Limit, Metric, bare, category};
pub use table::{METRICS, facts, find};
pub use unit::{Better, Unit};
