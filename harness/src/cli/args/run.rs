//! Defines the command lines of `harness run` and `harness check`.

use std::path::PathBuf;

use super::{ArtifactsArgs, DetailArgs, FailOn, GithubArgs};
use crate::scenario::Setting;
use clap::{Args, ValueEnum};

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
pub(in crate::cli) struct RunArgs {
    /// The scenario file
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    pub(in crate::cli) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) one: OneCommandArgs,
    /// Results folder; a run is stored as DIR/SCENARIO/RUN-ID
    #[arg(long, default_value = "results", value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) selection: Selection,
    /// Baseline to compare with, by name or file, or `none` [default: main or releases, by CI system or git]
    #[arg(long, value_name = "NAME|FILE")]
    pub(in crate::cli) baseline: Option<String>,
    /// Previous run, as result.json or directory: with stored evidence, an alert requires two consecutive runs [default: the newest comparable run in --out]
    #[arg(long, value_name = "RESULT")]
    pub(in crate::cli) previous: Option<PathBuf>,
    /// Turn blocks into alerts and store the reason with the run; on GitHub, a line `perf-override: REASON` in the pull request's description does the same
    #[arg(long = "override", value_name = "REASON")]
    pub(in crate::cli) reason: Option<String>,
    /// Baselines folder; a baseline is stored as DIR/SCENARIO/NAME.json
    #[arg(long, default_value = crate::baseline::FOLDER, value_name = "DIR")]
    pub(in crate::cli) baseline_dir: PathBuf,
    /// Mildest finding that sets exit code 3 [default: block]; inconclusive includes undecided claims of [targets]
    #[arg(long, value_enum, value_name = "FINDING")]
    pub(in crate::cli) fail_on: Option<FailOn>,
    /// Format of stdout
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: Format,
    #[command(flatten)]
    pub(in crate::cli) artifacts: ArtifactsArgs,
    /// Repeat a run that ends INVALID (exit code 6) up to N times; the record of the last attempt lists the earlier ones
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=9))]
    pub(in crate::cli) retry_invalid: u8,
    #[command(flatten)]
    pub(in crate::cli) detail: DetailArgs,
    /// Add a flame graph of the target for each stage with load or with a program that runs to its end, sampled by `perf` in an additional window or in additional runs that contribute to no metric; `=fp` uses frame pointers instead of unwind tables (Go, or programs built with them)
    #[arg(long, value_enum, value_name = "STACKS", num_args = 0..=1, require_equals = true, default_missing_value = "dwarf")]
    pub(in crate::cli) profile: Option<Stacks>,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
}

/// Options of a run without a scenario.
#[derive(Debug, Args)]
pub(in crate::cli) struct OneCommandArgs {
    /// Without a scenario: the command to measure, with its arguments; runs in the current folder, without a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<String>,
    /// Runs of COMMAND that count [default: 20]
    #[arg(long, value_name = "N", requires = "command", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) runs: Option<u64>,
    /// Runs of COMMAND before them, which do not count [default: 3]
    #[arg(long, value_name = "N", requires = "command")]
    pub(in crate::cli) warmup: Option<u64>,
    /// Drop the program from the page cache before each run of COMMAND
    #[arg(long, requires = "command")]
    pub(in crate::cli) cold: bool,
}

const CHECK_EXAMPLES: &str = "Examples:
  harness check scenarios/sidecar.toml --quick
  harness check --schema > scenario.schema.json";

/// Arguments of `harness check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(in crate::cli) struct CheckArgs {
    /// The scenario file
    #[arg(required_unless_present = "schema")]
    pub(in crate::cli) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) selection: Selection,
    /// Print the JSON Schema of scenarios instead, for editors
    #[arg(long)]
    pub(in crate::cli) schema: bool,
}

/// Options that change a scenario or select its stages.
#[derive(Debug, Args)]
pub(in crate::cli) struct Selection {
    /// Use shorter windows and fewer launches: a quick check, not for publishing
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Run only this stage; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) stage: Vec<String>,
    /// Set a key of the scenario, for example stage.overhead.rate=500/s; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) set: Vec<String>,
    /// Set a key whose value may be recorded; --set records no value of a header, a variable or a file; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) set_public: Vec<String>,
    /// Compare the target with this build: a program (or builtin:sidecar) or an image that replaces the target's; both are interleaved, which doubles the duration
    #[arg(long, value_name = "BUILD")]
    pub(in crate::cli) against: Option<String>,
}

impl Selection {
    /// Returns every key of the scenario that the command line sets.
    pub(in crate::cli) fn settings(&self) -> Vec<Setting> {
        // Quotes the value, because a name of digits is a string too.
        let against =
            self.against.as_ref().map(|build| format!("compare.against={}", serde_json::Value::from(build.as_str())));
        let public = self.set_public.iter().map(Setting::public);
        self.set.iter().map(Setting::new).chain(public).chain(against.map(Setting::new)).collect()
    }
}

/// Format of stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// The summary, 80 columns
    #[default]
    Table,
    /// verdict.json
    Json,
    /// summary.md
    Markdown,
}

/// How a profile finds call stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Stacks {
    /// Unwind tables, which optimised programs have
    Dwarf,
    /// Frame pointers, if the program was built with them
    Fp,
}
