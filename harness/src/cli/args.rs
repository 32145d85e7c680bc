//! Defines the command line.

mod baseline;
mod calibrate;
mod compare;
mod doctor;
mod fleet;
mod init;
mod publish;
mod report;
mod run;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::{ALL, Artifacts, FORMATS};
pub(super) use baseline::{
    Action, BaselineArgs, ExportArgs, ExportTo, ListArgs, PromoteArgs, PruneArgs, ShowArgs, ShowFormat, Which,
};
pub(super) use calibrate::{CalibrateArgs, CalibrateFormat};
pub(super) use compare::{CompareArgs, CompareFormat, Rule};
pub(super) use doctor::{DoctorArgs, DoctorFormat};
pub(super) use fleet::{CheckFleetArgs, FleetAction, FleetArgs, JoinArgs, NodeAction, NodeArgs, RbacArgs};
pub(super) use init::{InitArgs, InitKind};
pub(super) use publish::{CommentArgs, CommentMode, CompletionsArgs, GithubArgs};
pub(super) use report::{CleanArgs, ReportArgs, ValidateArgs};
pub(super) use run::{CheckArgs, Format, OneCommandArgs, RunArgs, Selection, Stacks};

/// Benchmarks sidecars and proxies, and judges the results.
#[derive(Debug, Parser)]
#[command(name = "harness", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "Examples:
  harness run scenarios/sidecar.toml                 measure the bundled sidecar
  SIDECAR_BIN=./my-proxy harness run scenarios/sidecar.toml
  harness run scenarios/sidecar.toml --quick --stage overhead --set stage.overhead.rate=500/s
  harness check scenarios/sidecar.toml               print the plan and its duration
  harness init -- ./my-proxy --listen 127.0.0.1:9000 --upstream http://127.0.0.1:9001
                                                     write a scenario for your own program
  harness doctor                                     what this host can measure, and what distorts it
  harness calibrate                                  the smallest overhead this host resolves
  harness run -- gzip --keep --force data            measure one command, without a scenario
  harness run scenarios/sidecar.toml --against ./old-proxy
                                                     compare two builds in one run
  harness report results/sidecar/RUN                 print the summary of a stored or partial run
  harness validate results/sidecar/RUN               check every file of a run against its schema
  harness compare main/result.json pr/result.json    compare two stored results
  harness baseline promote results/sidecar/RUN       compare later runs with this one
  harness comment results/sidecar/RUN --pr 17        comment on the pull request

Exit codes: 0 pass, 2 invalid input, 3 regressed or required target missed, 4 usage or tooling,
            5 the target failed, 6 INVALID measurement, 130 interrupted";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario and judge it
    Run(Box<RunArgs>),
    /// Validate a scenario and print the plan and its duration without starting anything
    Check(CheckArgs),
    /// Write a scenario for a program by looking at it, or a template
    Init(InitArgs),
    /// Render a stored result, or the journal of a run that was killed
    Report(ReportArgs),
    /// Compare stored results
    Compare(CompareArgs),
    /// Manage the stored runs that later runs are compared with
    Baseline(BaselineArgs),
    /// Post or update the comment on a pull request
    Comment(CommentArgs),
    /// Validate artifacts against their schemas and report every wrong field
    Validate(ValidateArgs),
    /// Report what this host can measure and which conditions distort measurements
    Doctor(DoctorArgs),
    /// Measure the resolution and the maximum rates of this host
    Calibrate(CalibrateArgs),
    /// Make the secret of a fleet of load generators, print its rights, or check that its engine can run one
    Fleet(FleetArgs),
    /// Be a node of a fleet: send the load that the hub of a run orders
    Node(NodeArgs),
    /// Remove containers, networks, images and services that killed runs left behind
    Clean(CleanArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
    /// Print the Bencher measures as JSON, with units, direction and thresholds
    Measures,
}

/// How much a table shows.
#[derive(Debug, Args)]
pub(super) struct DetailArgs {
    /// Print only the verdict line, and no progress
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print every value, note, audit value and warning instead of one screen
    #[arg(short, long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactsArgs {
    /// Artifacts to write in addition to the default ones and those of the scenario, separated by commas, or `all`
    #[arg(long, value_name = "all|NAME", value_delimiter = ',', value_parser = artifact_names())]
    artifacts: Vec<String>,
}

impl ArtifactsArgs {
    /// Returns the artifacts to write: the default ones, those of the scenario, and those of the command line.
    pub(super) fn with(&self, of_scenario: &Artifacts) -> Artifacts {
        // The parser has refused every other name.
        Artifacts::named(&self.artifacts).unwrap_or_default().and(of_scenario)
    }
}

fn artifact_names() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once(ALL).chain(FORMATS.iter().map(|format| format.name())))
}

/// Mildest finding that sets exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A block (the default)
    Block,
    /// An alert or a block
    Alert,
    /// An undecided result, an alert or a block
    Inconclusive,
}
