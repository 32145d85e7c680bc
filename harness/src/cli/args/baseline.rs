//! Defines the command line of `harness baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::baseline::{FOLDER, KEEP_DAYS};

/// Arguments of `harness baseline`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BaselineArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Action,
    /// Baselines folder; a baseline is stored as DIR/SCENARIO/NAME.json
    #[arg(long, global = true, default_value = FOLDER, value_name = "DIR")]
    pub(in crate::cli) dir: PathBuf,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Action {
    /// Add a run to a baseline, so that later runs are compared with it
    Promote(PromoteArgs),
    /// Show the newest run of a baseline, or the history of one metric
    Show(ShowArgs),
    /// List every baseline
    List(ListArgs),
    /// Remove outdated baselines of pull requests
    Prune(PruneArgs),
    /// Write a baseline in the format of another tool
    Export(ExportArgs),
}

/// Arguments of `harness baseline promote`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PromoteArgs {
    /// A result.json, or the directory of a run
    pub(in crate::cli) result: PathBuf,
    /// Name of the baseline [default: main, releases or pr-N, by CI system or git]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Promote a run that regressed, is from --quick or has no clean commit, and store this reason with it
    #[arg(long = "override", value_name = "REASON")]
    pub(in crate::cli) reason: Option<String>,
}

/// Which baseline.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The baseline
    #[arg(default_value = "main")]
    pub(in crate::cli) name: String,
    /// Scenario of the baseline; required if several scenarios have a baseline of that name
    #[arg(long, value_name = "SCENARIO")]
    pub(in crate::cli) scenario: Option<String>,
}

/// Arguments of `harness baseline show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    pub(in crate::cli) which: Which,
    /// Show the history of one metric instead, with the limits derived from it
    #[arg(long, value_name = "METRIC")]
    pub(in crate::cli) trend: Option<String>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ShowFormat,
}

/// Arguments of `harness baseline list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ShowFormat,
}

/// Arguments of `harness baseline prune`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PruneArgs {
    /// Only print what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Days to keep the baseline of a pull request after its last promotion
    #[arg(long, value_name = "N", default_value_t = KEEP_DAYS)]
    pub(in crate::cli) keep_days: u64,
}

/// Arguments of `harness baseline export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    pub(in crate::cli) which: Which,
    /// Format of stdout
    #[arg(long, value_enum)]
    pub(in crate::cli) format: ExportTo,
    /// Export every run instead of the newest: one line each, oldest first (json: one document)
    #[arg(long)]
    pub(in crate::cli) all: bool,
}

/// Format of stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ShowFormat {
    /// Text, 80 columns
    #[default]
    Table,
    /// JSON
    Json,
}

/// The formats of other tools, and our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportTo {
    /// Bencher Metric Format, as bench_metrics.json
    Bencher,
    /// The flat array, as bench_metrics.flat.json
    Flat,
    /// The layout of the baseline itself
    Json,
}
