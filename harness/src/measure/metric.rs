//! Defines the table of metrics. Reports, targets, thresholds, Bencher and `docs/metrics.md` all iterate this table; no
//! other code knows the unit or the direction of a metric.

pub mod bencher;
pub(crate) mod fact;
pub mod fleet;
pub(crate) mod row;
mod shown;
pub(crate) mod source;
pub(crate) mod table;
pub(crate) mod unit;
pub(crate) mod values;

pub use bencher::Measure;
pub use fact::{Fact, FactKind, FactValue};
pub use row::{Absent, Kind, Limit, Metric, bare, category};
pub use source::Source;
pub use table::{METRICS, facts, find, measures, rows};
pub use unit::{Better, Unit};
