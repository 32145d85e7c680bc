//! What can be typed behind `harness baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::baseline::{FOLDER, KEEP_DAYS};

/// Arguments of `harness baseline`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BaselineArgs {
    /// What to do
    #[command(subcommand)]
    pub(in crate::cli) action: Action,
    /// Where baselines are kept, as DIR/SCENARIO/NAME.json
    #[arg(long, global = true, default_value = FOLDER, value_name = "DIR")]
    pub(in crate::cli) dir: PathBuf,
}

/// The actions.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Action {
    /// Add a run to a baseline: later runs are held against it
    Promote(PromoteArgs),
    /// Show the newest run of a baseline, or the history of one metric
    Show(ShowArgs),
    /// List every baseline
    List(ListArgs),
    /// Remove baselines of pull requests that are out of date
    Prune(PruneArgs),
    /// Write a baseline in the format of another tool
    Export(ExportArgs),
}

/// Arguments of `harness baseline promote`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PromoteArgs {
    /// A result.json, or the directory of a run
    pub(in crate::cli) result: PathBuf,
    /// The baseline; by default what the CI system or git says: main, releases or pr-N
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Why it is promoted although it regressed, is from --quick or has no clean commit; kept with the run
    #[arg(long = "override", value_name = "REASON")]
    pub(in crate::cli) reason: Option<String>,
}

/// Which baseline.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The baseline
    #[arg(default_value = "main")]
    pub(in crate::cli) name: String,
    /// Its scenario; needed where several scenarios have a baseline of that name
    #[arg(long, value_name = "SCENARIO")]
    pub(in crate::cli) scenario: Option<String>,
}

/// Arguments of `harness baseline show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Which one
    #[command(flatten)]
    pub(in crate::cli) which: Which,
    /// The history of one metric instead, with the limits that follow from it
    #[arg(long, value_name = "METRIC")]
    pub(in crate::cli) trend: Option<String>,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ShowFormat,
}

/// Arguments of `harness baseline list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ShowFormat,
}

/// Arguments of `harness baseline prune`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PruneArgs {
    /// Only say what would be removed
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Days for which the baseline of a pull request is kept after its last promotion
    #[arg(long, value_name = "N", default_value_t = KEEP_DAYS)]
    pub(in crate::cli) keep_days: u64,
}

/// Arguments of `harness baseline export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// Which one
    #[command(flatten)]
    pub(in crate::cli) which: Which,
    /// What stdout carries
    #[arg(long, value_enum)]
    pub(in crate::cli) format: ExportTo,
    /// Every run, not only the newest: one line each, oldest first (json: one document)
    #[arg(long)]
    pub(in crate::cli) all: bool,
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ShowFormat {
    /// For people, 80 columns
    #[default]
    Table,
    /// For programs
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
