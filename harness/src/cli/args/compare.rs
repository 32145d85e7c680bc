//! Defines the command line of `harness compare`.

use std::path::PathBuf;

use super::FailOn;
use clap::{Args, ValueEnum};

const COMPARE_EXAMPLES: &str = "Examples:
  harness compare main/result.json pr/result.json
  harness compare runs/ result.json --rule qnet      the median of the last seven runs as base
  harness compare base.json head.json --fail-on alert --format json";

/// Arguments of `harness compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(in crate::cli) struct CompareArgs {
    /// One or more pairs of base and head of the same kind: result.json or a run's directory, Aether bench JSON, Bencher Metric Format, the flat array, copybook receipts, Criterion directories; a base can be a folder of runs, whose last seven are represented by their median
    #[arg(required = true, num_args = 2.., value_names = ["BASE", "HEAD"])]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Thresholds [default: those of the system whose files they are: aether for Aether's, qnet for Criterion's]
    #[arg(long, value_enum)]
    pub(in crate::cli) rule: Option<Rule>,
    /// Mildest finding that sets exit code 3
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(in crate::cli) fail_on: Option<FailOn>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: CompareFormat,
}

/// Thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Rule {
    /// Alert and block thresholds by category
    Default,
    /// A fixed 20 %: p95 of durations upwards, p50 of throughputs downwards
    Aether,
    /// Throughput −10 %, latency +15 %
    Qnet,
}

/// Format of stdout after a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CompareFormat {
    /// Text with one sentence per finding, 80 columns
    #[default]
    Table,
    /// JSON
    Json,
}
