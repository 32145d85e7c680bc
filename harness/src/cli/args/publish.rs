//! What can be typed after `comment` and `completions`, and `--github`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How GitHub Actions is told.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct GithubArgs {
    /// Tell GitHub Actions too: annotations on stderr, summary.md into $GITHUB_STEP_SUMMARY, outputs into $GITHUB_OUTPUT
    #[arg(long)]
    pub(in crate::cli) github: bool,
}

const COMMENT_EXAMPLES: &str = "Examples:
  harness comment results/sidecar/RUN --pr 17 --repo owner/name      with GITHUB_TOKEN in the environment
  harness comment result.json --pr 17 --mode on-alert
  harness comment result.json --pr 17 --dry-run                      print it, post nothing

What cannot be posted (no token, that of a fork, GitHub down or slow) goes into $GITHUB_STEP_SUMMARY with a warning, and the
exit code stays 0. GITHUB_API_URL and GITHUB_REPOSITORY are read; HTTPS_PROXY and NO_PROXY are honoured.";

/// Arguments of `harness comment`.
#[derive(Debug, Args)]
#[command(after_help = COMMENT_EXAMPLES)]
pub(in crate::cli) struct CommentArgs {
    /// A result.json, or the directory of a run
    pub(in crate::cli) result: PathBuf,
    /// Number of the pull request
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) pr: u64,
    /// The repository, in place of GITHUB_REPOSITORY
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repo: Option<String>,
    /// When to say something; a comment that is there already is kept up to date in every mode
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) mode: CommentMode,
    /// Name of the host or class of hosts, so that each has a comment of its own; by default its system and number of CPUs
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) testbed: Option<String>,
    /// How long one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(in crate::cli) patience: u64,
    /// Print the comment and post nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

/// When a pull request is told something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CommentMode {
    /// Whatever was found
    #[default]
    Always,
    /// When something got better or worse, or could not be decided
    OnChange,
    /// When something got worse
    OnAlert,
}

/// Arguments of `harness completions`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(in crate::cli) shell: clap_complete::Shell,
}
