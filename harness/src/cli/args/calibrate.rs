//! Defines the command line of `harness calibrate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "Examples:
  harness calibrate
  harness calibrate --quick                          a quick check, in less than half a minute
  harness calibrate --out ci.json --format json      runs use it with HARNESS_CALIBRATION=ci.json";

/// Arguments of `harness calibrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CalibrateArgs {
    /// Use shorter windows and fewer rounds: a quick check, not to be relied on
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Output file; the run is stored next to it in calibrate/ [default: HARNESS_CALIBRATION, or harness/calibration.json in the user's state folder]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: CalibrateFormat,
    /// Set a key of the calibration scenario; the calibration records it
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    pub(in crate::cli) set: Vec<String>,
}

/// Format of stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CalibrateFormat {
    /// Text, 80 columns
    #[default]
    Table,
    /// The calibration as JSON
    Json,
}
