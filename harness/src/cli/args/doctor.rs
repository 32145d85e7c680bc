//! Defines the command line of `harness doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, value_parser};

const EXAMPLES: &str = "Examples:
  harness doctor
  harness doctor --seconds 30                        observe other processes, steal and the timer for longer
  harness doctor --format json > doctor.json         JSON, accepted by harness validate";

/// Arguments of `harness doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct DoctorArgs {
    /// Seconds to observe the host: steal, other processes, pressure, and the pacer's timer
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u64).range(1..=600))]
    pub(in crate::cli) seconds: u64,
    /// Results folder to check
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: DoctorFormat,
}

/// Format of stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DoctorFormat {
    /// Text, 80 columns
    #[default]
    Table,
    /// JSON
    Json,
}
