//! What can be typed behind `harness calibrate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "Examples:
  harness calibrate
  harness calibrate --quick                          a look, in less than half a minute
  harness calibrate --out ci.json --format json      HARNESS_CALIBRATION=ci.json makes runs quote it";

/// Arguments of `harness calibrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CalibrateArgs {
    /// Shorter windows and fewer rounds: a look, not a number to rely on
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Where the calibration goes; the run behind it is kept beside it, below calibrate/. Without it, HARNESS_CALIBRATION, else harness/calibration.json in the folder for the state of programs
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: CalibrateFormat,
    /// Set a key of what is measured; the calibration says so
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    pub(in crate::cli) set: Vec<String>,
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CalibrateFormat {
    /// For people, 80 columns
    #[default]
    Table,
    /// The calibration itself
    Json,
}
