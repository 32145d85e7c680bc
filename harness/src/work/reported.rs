//! Plans what is read of a target that reports values itself, in the answer of a metrics endpoint or in its log.

use crate::measure::scraped::Asked;

/// A value at an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The key of the scenario at which the URL is written.
    pub endpoint: String,
    pub asked: Asked,
}

/// What a stage describes: the windows of another stage, by what the target reports over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The stage whose windows they are.
    pub of: String,
    pub reads: Vec<Read>,
}

/// A value that the target reports once after its start, in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum OnLaunch {
    /// A gauge at an endpoint.
    Gauge(Read),
    /// A line of its log.
    Line(Line),
}

/// A line of a log that contains a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// A regular expression with one named group, which is the number.
    pub pattern: String,
    /// The name of the group: `ns`, `us`, `ms` or `s`.
    pub group: String,
    /// The factor from the unit of the group to milliseconds.
    pub factor: f64,
}

/// What is read of the targets of a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reports {
    /// By the name of the stage that describes them.
    pub windows: Vec<(String, Vec<Read>)>,
    pub on_launch: Option<OnLaunch>,
}
