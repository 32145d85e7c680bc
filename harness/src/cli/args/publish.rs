//! Defines the command line of `harness comment` and `harness completions`, and `--github`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Output for GitHub Actions.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::cli) struct GithubArgs {
    /// Write for GitHub Actions too: annotations to stderr, summary.md to $GITHUB_STEP_SUMMARY, outputs to $GITHUB_OUTPUT
    #[arg(long)]
    pub(in crate::cli) github: bool,
}

const COMMENT_EXAMPLES: &str = "Examples:
  harness comment results/sidecar/RUN --pr 17 --repo owner/name      with GITHUB_TOKEN in the environment
  harness comment result.json --pr 17 --mode on-alert
  harness comment result.json --pr 17 --check $GITHUB_SHA            and a neutral check run at the commit
  harness comment result.json --pr 17 --dry-run                      print the comment only

A comment that cannot be posted (no token, a fork's token, GitHub unreachable or slow) is written to $GITHUB_STEP_SUMMARY with a
warning, and the exit code is 0. The command reads GITHUB_API_URL, GITHUB_REPOSITORY, HTTPS_PROXY and NO_PROXY.";

/// Arguments of `harness comment`.
#[derive(Debug, Args)]
#[command(after_help = COMMENT_EXAMPLES)]
pub(in crate::cli) struct CommentArgs {
    /// A result.json, or the directory of a run
    pub(in crate::cli) result: PathBuf,
    /// Number of the pull request
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) pr: u64,
    /// Repository, instead of GITHUB_REPOSITORY
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repo: Option<String>,
    /// When to post a comment; an existing comment is updated in every mode
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) mode: CommentMode,
    /// Name of the host or class of hosts, each of which has its own comment [default: operating system and number of CPUs]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) testbed: Option<String>,
    /// Time limit of one request; all requests together may take six times as long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(in crate::cli) patience: u64,
    /// Also create a neutral check run with the verdict at this commit, which needs a token with `checks: write`
    #[arg(long, value_name = "SHA", value_parser = commit)]
    pub(in crate::cli) check: Option<String>,
    /// Print the comment without posting it
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

fn commit(text: &str) -> Result<String, String> {
    let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_commit { Ok(text.to_owned()) } else { Err("must be the 40 hexadecimal digits of a commit".to_owned()) }
}

/// When to comment on a pull request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CommentMode {
    /// Always
    #[default]
    Always,
    /// If something improved, regressed or is inconclusive
    OnChange,
    /// If something regressed
    OnAlert,
}

/// Arguments of `harness completions`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(in crate::cli) shell: clap_complete::Shell,
}
