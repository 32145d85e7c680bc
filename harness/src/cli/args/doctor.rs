//! What can be typed behind `harness doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, value_parser};

const EXAMPLES: &str = "Examples:
  harness doctor
  harness doctor --seconds 30                        a longer look at neighbours, steal and the timer
  harness doctor --format json > doctor.json         for programs; harness validate doctor.json knows it";

/// Arguments of `harness doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct DoctorArgs {
    /// Seconds for which the host is watched: steal, other processes, pressure, and the timer that releases requests
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u64).range(1..=600))]
    pub(in crate::cli) seconds: u64,
    /// Where results would go
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: DoctorFormat,
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DoctorFormat {
    /// For people, 80 columns
    #[default]
    Table,
    /// For programs
    Json,
}
