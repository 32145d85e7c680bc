//! What can be typed.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::validate::Kind;

/// Numbers for sidecars and proxies that can be defended.
#[derive(Debug, Parser)]
#[command(name = "harness", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "Examples:
  harness run scenarios/sidecar.toml                 measure the bundled sidecar, end to end
  SIDECAR_BIN=./my-proxy harness run scenarios/sidecar.toml
  harness run scenarios/sidecar.toml --quick --stage overhead --set stage.overhead.rate=500/s
  harness check scenarios/sidecar.toml               what would be done, and how long it takes
  harness report results/sidecar/RUN                 render a stored or partial run again
  harness validate results/sidecar/RUN               every file of a run against its schema
  harness compare main/result.json pr/result.json    what got better, what got worse

Exit codes: 0 pass, 2 invalid input, 3 regressed or required target missed, 4 usage or tooling,
            5 the target failed, 6 INVALID measurement, 130 interrupted";

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario and judge it
    Run(RunArgs),
    /// Validate a scenario, print the plan and how long it takes; start nothing
    Check(CheckArgs),
    /// Render a stored result again, or what is left of a run that was killed
    Report(ReportArgs),
    /// Judge stored results against each other: what got better, what got worse
    Compare(CompareArgs),
    /// Validate artifacts against the schema of their kind, and name every field that is wrong
    Validate(ValidateArgs),
    /// Remove containers, networks and images that killed runs left behind
    Clean(CleanArgs),
}

/// Arguments of `harness run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The scenario file
    pub(super) scenario: PathBuf,
    /// Where results go, as DIR/SCENARIO/RUN-ID
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(super) out: PathBuf,
    /// What to change in the scenario and how to pick its stages
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Also end with exit code 3 when a claim of [targets] stays undecided
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(super) fail_on: Option<FailOn>,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// Arguments of `harness check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The scenario file
    #[arg(required_unless_present = "schema")]
    pub(super) scenario: Option<PathBuf>,
    /// What to change in the scenario and how to pick its stages
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Print the JSON Schema of scenarios instead, for editors
    #[arg(long)]
    pub(super) schema: bool,
}

/// What to change in a scenario.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Shorter windows and fewer launches: a look, not a number to publish
    #[arg(long)]
    pub(super) quick: bool,
    /// Run only this stage; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) stage: Vec<String>,
    /// Set a key of the scenario, for example stage.overhead.rate=500/s; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

/// Arguments of `harness report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A result.json, or the directory of a run
    pub(super) result: PathBuf,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// Arguments of `harness compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// A base and a head of one kind, and further such pairs: result.json or a run's directory, Aether bench JSON, Bencher Metric Format, the flat array, copybook receipts, Criterion directories; a base may be a folder of runs, of which the median of the last seven counts
    #[arg(required = true, num_args = 2.., value_names = ["BASE", "HEAD"])]
    pub(super) files: Vec<PathBuf>,
    /// How much worse is too much
    #[arg(long, value_enum, default_value_t)]
    pub(super) rule: Rule,
    /// The mildest finding that ends in exit code 3
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(super) fail_on: Option<FailOn>,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: CompareFormat,
}

/// How much worse is too much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Rule {
    /// Thresholds by category: an alert and a block
    #[default]
    Default,
    /// A fixed 20 %: p95 of durations upwards, p50 of throughputs downwards
    Aether,
    /// Throughput −10 %, latency +15 %
    Qnet,
}

/// What stdout carries after a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CompareFormat {
    /// One sentence per finding, 80 columns
    #[default]
    Table,
    /// The same for programs
    Json,
}

/// Arguments of `harness validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Files of any kind: scenario, result.json, journal.jsonl, verdict.json, Bencher Metric Format, the flat array, receipts, Aether bench JSON, comparisons; or the folder of a run or of Criterion
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Take every file for one of this kind, whatever it looks like
    #[arg(long, value_parser = kind_names(), value_name = "KIND")]
    pub(super) kind: Option<String>,
}

/// The names of all kinds of artifacts.
fn kind_names() -> PossibleValuesParser {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name()))
}

/// Arguments of `harness clean`.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Only say what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// What stdout carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A summary for people, 80 columns
    #[default]
    Table,
    /// verdict.json
    Json,
    /// summary.md
    Markdown,
    /// bench_metrics.json, the Bencher Metric Format
    Bencher,
    /// bench_metrics.flat.json
    Flat,
    /// perf.json, a receipt
    Perf,
    /// Aether bench JSON, one benchmark a line
    Aether,
}

/// The mildest finding that ends in exit code 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A block, as without this option
    Block,
    /// An alert, and a block
    Alert,
    /// Whatever could not be decided, and all above
    Inconclusive,
}
