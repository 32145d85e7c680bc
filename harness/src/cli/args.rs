//! What can be typed.

mod baseline;
mod calibrate;
mod doctor;
mod publish;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report;
use crate::report::validate::Kind;
pub(super) use baseline::{
    Action, BaselineArgs, ExportArgs, ExportTo, ListArgs, PromoteArgs, PruneArgs, ShowArgs, ShowFormat, Which,
};
pub(super) use calibrate::{CalibrateArgs, CalibrateFormat};
pub(super) use doctor::{DoctorArgs, DoctorFormat};
pub(super) use publish::{CommentArgs, CommentMode, CompletionsArgs, GithubArgs};

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
  harness doctor                                     what this host can measure, and what would spoil it
  harness calibrate                                  how small an overhead it resolves, and its ceilings
  harness run scenarios/sidecar.toml --against ./old-proxy
                                                     both builds in one run: what the change did
  harness report results/sidecar/RUN                 render a stored or partial run again
  harness validate results/sidecar/RUN               every file of a run against its schema
  harness compare main/result.json pr/result.json    what got better, what got worse
  harness baseline promote results/sidecar/RUN       hold later runs against this one
  harness comment results/sidecar/RUN --pr 17        tell the pull request

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
    /// Keep runs that later ones are held against
    Baseline(BaselineArgs),
    /// Post the comment under a pull request, or update the one that is there
    Comment(CommentArgs),
    /// Validate artifacts against the schema of their kind, and name every field that is wrong
    Validate(ValidateArgs),
    /// Tell what this host can measure, and what would spoil it
    Doctor(DoctorArgs),
    /// Measure what this host resolves and where its ceilings are, for reports and proposals to quote
    Calibrate(CalibrateArgs),
    /// Remove containers, networks and images that killed runs left behind
    Clean(CleanArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
    /// Print the measures of Bencher as JSON: units, direction and threshold of each
    Measures,
}

const RUN_EXAMPLES: &str = "Examples:
  harness run scenarios/sidecar.toml --quick                    a look, in less than 20 seconds
  harness run scenarios/sidecar.toml --stage startup --stage idle
  harness run scenarios/sidecar.toml --set stage.overhead.rate=500/s --format json
  harness run scenarios/sidecar.toml --stage capacity --profile  and a flame graph of the target
  harness run scenarios/sidecar.toml --github                   in a step of GitHub Actions";

/// Arguments of `harness run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(super) struct RunArgs {
    /// The scenario file
    pub(super) scenario: PathBuf,
    /// Where results go, as DIR/SCENARIO/RUN-ID
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(super) out: PathBuf,
    /// What to change in the scenario and how to pick its stages
    #[command(flatten)]
    pub(super) selection: Selection,
    /// The baseline to hold the run against, by its name or file, or `none`; without it, what the CI system or git says: main or releases
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) baseline: Option<String>,
    /// The run before this one, result.json or directory: against stored runs an alert is published when two in a row show it; without it, the newest comparable run in --out
    #[arg(long, value_name = "RESULT")]
    pub(super) previous: Option<PathBuf>,
    /// Let blocks pass as alerts and keep the reason with the run; a line `perf-override: REASON` in the text of a pull request on GitHub does the same
    #[arg(long = "override", value_name = "REASON")]
    pub(super) reason: Option<String>,
    /// Where baselines are kept, as DIR/SCENARIO/NAME.json
    #[arg(long, default_value = crate::baseline::FOLDER, value_name = "DIR")]
    pub(super) baseline_dir: PathBuf,
    /// The mildest finding that ends in exit code 3: without it a block; inconclusive is also a claim of [targets] that stays undecided
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(super) fail_on: Option<FailOn>,
    /// What stdout carries
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// No progress, and the verdict's line alone instead of the table
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Put a flame graph of the target beside the report, for each stage with load, by `perf` in one more window that is not measured; `=fp` follows frame pointers (Go, or built with them) instead of unwind tables
    #[arg(long, value_enum, value_name = "STACKS", num_args = 0..=1, require_equals = true, default_missing_value = "dwarf")]
    pub(super) profile: Option<Stacks>,
    /// How GitHub Actions is told
    #[command(flatten)]
    pub(super) github: GithubArgs,
}

const CHECK_EXAMPLES: &str = "Examples:
  harness check scenarios/sidecar.toml --quick
  harness check --schema > scenario.schema.json";

/// Arguments of `harness check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
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
    /// Compare the target with this build: a program in place of the target's (builtin:sidecar works), or an image in place of its image; both run interleaved, so it takes twice as long
    #[arg(long, value_name = "BUILD")]
    pub(super) against: Option<String>,
}

impl Selection {
    /// Every key of the scenario that the command line sets.
    pub(super) fn overrides(&self) -> Vec<String> {
        // Quoted, since a name of digits is a text too.
        let against =
            self.against.as_ref().map(|build| format!("compare.against={}", serde_json::Value::from(build.as_str())));
        self.set.iter().cloned().chain(against).collect()
    }
}

const REPORT_EXAMPLES: &str = "Examples:
  harness report results/sidecar/RUN
  harness report result.json --format markdown > summary.md";

/// Arguments of `harness report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(super) struct ReportArgs {
    /// A result.json, or the directory of a run
    pub(super) result: PathBuf,
    /// What stdout carries
    #[arg(long, value_name = "NAME", default_value = "table", value_parser = format_names())]
    pub(super) format: String,
    /// Write every format into this folder, as a run does
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// The verdict's line alone instead of the table
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// How GitHub Actions is told
    #[command(flatten)]
    pub(super) github: GithubArgs,
}

/// Every format there is.
fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(report::FORMATS.iter().map(|format| format.name()))
}

const COMPARE_EXAMPLES: &str = "Examples:
  harness compare main/result.json pr/result.json
  harness compare runs/ result.json --rule qnet      the median of the last seven runs as base
  harness compare base.json head.json --fail-on alert --format json";

/// Arguments of `harness compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
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
    /// Files of any kind: scenario, result.json, journal.jsonl, verdict.json, Bencher Metric Format, the flat array, receipts, Aether bench JSON, comparisons, what the doctor found, calibrations; or the folder of a run or of Criterion
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

/// How the call stacks of a profile are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stacks {
    /// By unwind tables, which optimised programs have
    Dwarf,
    /// By frame pointers, where the program was built with them
    Fp,
}
