//! Defines the command lines of `harness report`, `harness validate` and `harness clean`.

use std::path::PathBuf;

use super::{ArtifactsArgs, DetailArgs, GithubArgs};
use crate::report;
use crate::report::validate::Kind;
use clap::Args;
use clap::builder::PossibleValuesParser;

const REPORT_EXAMPLES: &str = "Examples:
  harness report results/sidecar/RUN
  harness report result.json --format markdown > summary.md";

/// Arguments of `harness report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(in crate::cli) struct ReportArgs {
    /// A result.json, or the directory of a run
    pub(in crate::cli) result: PathBuf,
    /// Format of stdout
    #[arg(long, value_name = "NAME", default_value = "table", value_parser = format_names())]
    pub(in crate::cli) format: String,
    /// Write the artifacts into this folder, as a run does
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Pack the folder of the run, the schemas and the digests of both into this archive (.tar.gz); `harness validate FILE` verifies it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) artifacts: ArtifactsArgs,
    #[command(flatten)]
    pub(in crate::cli) detail: DetailArgs,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
}

/// Returns the names of all formats.
fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(report::FORMATS.iter().map(|format| format.name()))
}

/// Arguments of `harness validate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ValidateArgs {
    /// Files of any kind: scenario, result.json, journal.jsonl, nodes.jsonl, verdict.json, Bencher Metric Format, the flat array, receipts, Aether bench JSON, comparisons, doctor reports, calibrations, bundles; or the folder of a run or of Criterion
    #[arg(required = true, value_name = "FILE")]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Treat every file as this kind instead of detecting it
    #[arg(long, value_parser = kind_names(), value_name = "KIND")]
    pub(in crate::cli) kind: Option<String>,
}

/// Returns the names of all kinds of artifacts.
fn kind_names() -> PossibleValuesParser {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name()))
}

/// Arguments of `harness clean`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CleanArgs {
    /// Only print what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Remove every run of harness in a namespace of Kubernetes too, also one that is going on
    #[arg(long)]
    pub(in crate::cli) kubernetes: bool,
    /// Context of the Kubernetes configuration [default: the current one]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub(in crate::cli) context: Option<String>,
    /// Namespace of the runs [default: that of the context]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub(in crate::cli) namespace: Option<String>,
}
