//! Renders badges, each as a JSON file for shields.io and as an SVG file.
//!
//! A badge has no context, so only publishable numbers become badges: none of invalid stages, quick runs or partial
//! runs.

mod svg;

use serde::Serialize;

use super::{Error, ReportFormat, Summary, pretty};
use crate::verdict::judgement::{ClaimState, Measured};
use harness_base::exit::Exit;

pub(super) struct Badges;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Badge {
    /// Name of its files, without extension.
    name: &'static str,
    label: &'static str,
    message: String,
    color: Color,
}

/// Colours that shields.io knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Color {
    BrightGreen,
    Yellow,
    Red,
    Blue,
    LightGrey,
}

/// The endpoint schema of shields.io, version 1.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint<'a> {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    schema_version: u32,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    label: &'a str,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    message: &'a str,
    color: Color,
    is_error: bool,
}

/// Badge, label, and the prefix of the metric that it shows: the first one with a value.
const NUMBERS: [(&str, &str, &str); 6] = [
    ("overhead-p50", "overhead p50", "overhead/latency_p50"),
    ("overhead-p99", "overhead p99", "overhead/latency_p99"),
    ("rps", "throughput", "throughput/rps_"),
    ("idle-rss", "idle memory", "memory/idle_rss"),
    ("startup", "ready after", "startup/to_ready"),
    ("binary-size", "binary size", "binary/size"),
];

impl ReportFormat for Badges {
    fn name(&self) -> &'static str {
        "badges"
    }

    fn file_name(&self) -> &'static str {
        "badges/"
    }

    /// Writes the endpoints, one per line.
    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let mut lines = Vec::new();
        for badge in badges(summary) {
            serde_json::to_writer(&mut lines, &badge.endpoint())
                .map_err(|cause| Error::NoJson { format: self.name(), cause })?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn files(&self, summary: &Summary<'_>) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut files = Vec::new();
        for badge in badges(summary) {
            files.push((format!("badges/{}.json", badge.name), pretty(self.name(), &badge.endpoint())?));
            files.push((format!("badges/{}.svg", badge.name), svg::drawn(&badge).into_bytes()));
        }
        Ok(files)
    }
}

impl Badge {
    fn endpoint(&self) -> Endpoint<'_> {
        let is_error = self.color == Color::LightGrey;
        Endpoint { schema_version: 1, label: self.label, message: &self.message, color: self.color, is_error }
    }
}

fn badges(summary: &Summary<'_>) -> Vec<Badge> {
    let exit = summary.judgement.exit;
    let color = match exit {
        Exit::Pass => Color::BrightGreen,
        Exit::Regressed | Exit::TargetFailed => Color::Red,
        Exit::Invalid | Exit::InvalidInput | Exit::Usage | Exit::Interrupted => Color::LightGrey,
    };
    let message = exit.word().to_lowercase();
    let verdict = Badge { name: "verdict", label: "performance", message, color };
    let publishable = !(summary.partial || summary.record.interrupted || summary.record.scenario.quick);
    let numbers = NUMBERS.iter().filter(|_| publishable);
    let of = |(name, label, metric): &(&'static str, &'static str, &str)| number(summary, name, label, metric);
    std::iter::once(verdict).chain(numbers.filter_map(of)).collect()
}

fn number(summary: &Summary<'_>, name: &'static str, label: &'static str, id: &str) -> Option<Badge> {
    let (metric, estimate) =
        summary.valid().find(|(metric, _)| metric.id.starts_with(id) && !metric.id.contains('@'))?;
    let advisory = if metric.advisory.is_some() { " (advisory)" } else { "" };
    Some(Badge {
        name,
        label,
        message: format!("{}{advisory}", metric.unit.show(estimate.point)),
        color: color(summary, metric),
    })
}

/// Colours a badge by the state of the metric's target; blue if it has none.
fn color(summary: &Summary<'_>, metric: &Measured) -> Color {
    let claim = summary.judgement.targets.iter().find(|target| target.metric == metric.id);
    match claim.map(|claim| claim.state) {
        None => Color::Blue,
        Some(ClaimState::Met) => Color::BrightGreen,
        Some(ClaimState::NotMet) => Color::Red,
        Some(ClaimState::Undecided | ClaimState::Absent) => Color::Yellow,
    }
}

impl Color {
    /// Returns the colour for SVG.
    const fn hex(self) -> &'static str {
        match self {
            Self::BrightGreen => "#2f8132",
            Self::Yellow => "#8a6d00",
            Self::Red => "#c0392b",
            Self::Blue => "#0b6cb3",
            Self::LightGrey => "#6b7280",
        }
    }
}
