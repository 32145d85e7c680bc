//! Defines the command line.

mod baseline;
mod calibrate;
mod doctor;
mod init;
mod publish;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::validate::Kind;
use crate::report::{self, Artifacts};
use crate::scenario::Setting;
pub(super) use baseline::{
    Action, BaselineArgs, ExportArgs, ExportTo, ListArgs, PromoteArgs, PruneArgs, ShowArgs, ShowFormat, Which,
};
pub(super) use calibrate::{CalibrateArgs, CalibrateFormat};
pub(super) use doctor::{DoctorArgs, DoctorFormat};
pub(super) use init::{InitArgs, InitKind};
pub(super) use publish::{CommentArgs, CommentMode, CompletionsArgs, GithubArgs};

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
    /// Remove containers, networks and images that killed runs left behind
    Clean(CleanArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
    /// Print the Bencher measures as JSON, with units, direction and thresholds
    Measures,
}

const RUN_EXAMPLES: &str = "Examples:
  harness run scenarios/sidecar.toml --quick                    a quick check, in less than 20 seconds
  harness run scenarios/sidecar.toml --stage startup --stage idle
  harness run scenarios/sidecar.toml --set stage.overhead.rate=500/s --format json
  harness run scenarios/sidecar.toml --stage capacity --profile  with a flame graph of the target
  harness run scenarios/sidecar.toml --github                   in a step of GitHub Actions
  harness run --runs 50 -- gzip --keep --force data             measure one command, without a scenario
  harness run --against ./old-gzip -- ./gzip -kf data           compare two builds of it";

/// Arguments of `harness run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(super) struct RunArgs {
    /// The scenario file
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    pub(super) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(super) one: OneCommandArgs,
    /// Results folder; a run is stored as DIR/SCENARIO/RUN-ID
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Baseline to compare with, by name or file, or `none` [default: main or releases, by CI system or git]
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) baseline: Option<String>,
    /// Previous run, as result.json or directory: with stored evidence, an alert requires two consecutive runs [default: the newest comparable run in --out]
    #[arg(long, value_name = "RESULT")]
    pub(super) previous: Option<PathBuf>,
    /// Turn blocks into alerts and store the reason with the run; on GitHub, a line `perf-override: REASON` in the pull request's description does the same
    #[arg(long = "override", value_name = "REASON")]
    pub(super) reason: Option<String>,
    /// Baselines folder; a baseline is stored as DIR/SCENARIO/NAME.json
    #[arg(long, default_value = crate::baseline::FOLDER, value_name = "DIR")]
    pub(super) baseline_dir: PathBuf,
    /// Mildest finding that sets exit code 3 [default: block]; inconclusive includes undecided claims of [targets]
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(super) fail_on: Option<FailOn>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) artifacts: ArtifactsArgs,
    /// Repeat a run that ends INVALID (exit code 6) up to N times; the record of the last attempt lists the earlier ones
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=9))]
    pub(super) retry_invalid: u8,
    #[command(flatten)]
    pub(super) detail: DetailArgs,
    /// Add a flame graph of the target for each stage with load, sampled by `perf` in an additional window that contributes to no metric; `=fp` uses frame pointers instead of unwind tables (Go, or programs built with them)
    #[arg(long, value_enum, value_name = "STACKS", num_args = 0..=1, require_equals = true, default_missing_value = "dwarf")]
    pub(super) profile: Option<Stacks>,
    #[command(flatten)]
    pub(super) github: GithubArgs,
}

/// Options of a run without a scenario.
#[derive(Debug, Args)]
pub(super) struct OneCommandArgs {
    /// Without a scenario: the command to measure, with its arguments; runs in the current folder, without a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
    /// Runs of COMMAND that count [default: 20]
    #[arg(long, value_name = "N", requires = "command", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) runs: Option<u64>,
    /// Runs of COMMAND before them, which do not count [default: 3]
    #[arg(long, value_name = "N", requires = "command")]
    pub(super) warmup: Option<u64>,
    /// Drop the program from the page cache before each run of COMMAND
    #[arg(long, requires = "command")]
    pub(super) cold: bool,
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
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Print the JSON Schema of scenarios instead, for editors
    #[arg(long)]
    pub(super) schema: bool,
}

/// Options that change a scenario or select its stages.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Use shorter windows and fewer launches: a quick check, not for publishing
    #[arg(long)]
    pub(super) quick: bool,
    /// Run only this stage; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) stage: Vec<String>,
    /// Set a key of the scenario, for example stage.overhead.rate=500/s; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Set a key whose value may be recorded; --set records no value of a header, a variable or a file; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set_public: Vec<String>,
    /// Compare the target with this build: a program (or builtin:sidecar) or an image that replaces the target's; both are interleaved, which doubles the duration
    #[arg(long, value_name = "BUILD")]
    pub(super) against: Option<String>,
}

impl Selection {
    /// Returns every key of the scenario that the command line sets.
    pub(super) fn settings(&self) -> Vec<Setting> {
        // Quotes the value, because a name of digits is a string too.
        let against =
            self.against.as_ref().map(|build| format!("compare.against={}", serde_json::Value::from(build.as_str())));
        let public = self.set_public.iter().map(Setting::public);
        self.set.iter().map(Setting::new).chain(public).chain(against.map(Setting::new)).collect()
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
    /// Format of stdout
    #[arg(long, value_name = "NAME", default_value = "table", value_parser = format_names())]
    pub(super) format: String,
    /// Write the artifacts into this folder, as a run does
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Pack the folder of the run, the schemas and the digests of both into this archive (.tar.gz); `harness validate FILE` verifies it
    #[arg(long, value_name = "FILE")]
    pub(super) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(super) artifacts: ArtifactsArgs,
    #[command(flatten)]
    pub(super) detail: DetailArgs,
    #[command(flatten)]
    pub(super) github: GithubArgs,
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
    PossibleValuesParser::new(std::iter::once(report::ALL).chain(report::FORMATS.iter().map(|format| format.name())))
}

/// Returns the names of all formats.
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
    /// One or more pairs of base and head of the same kind: result.json or a run's directory, Aether bench JSON, Bencher Metric Format, the flat array, copybook receipts, Criterion directories; a base can be a folder of runs, whose last seven are represented by their median
    #[arg(required = true, num_args = 2.., value_names = ["BASE", "HEAD"])]
    pub(super) files: Vec<PathBuf>,
    /// Thresholds [default: those of the system whose files they are: aether for Aether's, qnet for Criterion's]
    #[arg(long, value_enum)]
    pub(super) rule: Option<Rule>,
    /// Mildest finding that sets exit code 3
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(super) fail_on: Option<FailOn>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: CompareFormat,
}

/// Thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Rule {
    /// Alert and block thresholds by category
    Default,
    /// A fixed 20 %: p95 of durations upwards, p50 of throughputs downwards
    Aether,
    /// Throughput −10 %, latency +15 %
    Qnet,
}

/// Format of stdout after a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CompareFormat {
    /// Text with one sentence per finding, 80 columns
    #[default]
    Table,
    /// JSON
    Json,
}

/// Arguments of `harness validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Files of any kind: scenario, result.json, journal.jsonl, verdict.json, Bencher Metric Format, the flat array, receipts, Aether bench JSON, comparisons, doctor reports, calibrations, bundles; or the folder of a run or of Criterion
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Treat every file as this kind instead of detecting it
    #[arg(long, value_parser = kind_names(), value_name = "KIND")]
    pub(super) kind: Option<String>,
}

/// Returns the names of all kinds of artifacts.
fn kind_names() -> PossibleValuesParser {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name()))
}

/// Arguments of `harness clean`.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Only print what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Format of stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The summary, 80 columns
    #[default]
    Table,
    /// verdict.json
    Json,
    /// summary.md
    Markdown,
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

/// How a profile finds call stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Stacks {
    /// Unwind tables, which optimised programs have
    Dwarf,
    /// Frame pointers, if the program was built with them
    Fp,
}
