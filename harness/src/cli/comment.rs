//! Implements `harness comment`: judges the record of a run again and posts the result to a pull request. What the run was compared with
//! is in its file, because the baseline may no longer exist.

use std::path::Path;
use std::time::Duration;

use super::args::{CommentArgs, CommentMode};
use super::error::{Error, print_commands, print_text, print_warning};
use super::github::file;
use super::report::judged_again;
use crate::measure::Record;
use crate::publish::actions::append_summary;
use crate::publish::{Access, CheckRun, Done, Github, Mode, Post, create, put};
use crate::report::Summary;
use crate::report::comment::{Options, body, marker};
use crate::verdict::{Judgement, stored};
use harness_base::exit::Exit;
use harness_base::workflow::{Commands, Level};

/// Posts or updates the comment. A failure to post is a warning: it does not change the result of the run.
pub(super) fn comment(args: &CommentArgs) -> Result<Exit, Error> {
    let (record, judgement, partial) = opened(&args.result)?;
    let summary = Summary::new(&record, &judgement).partial(partial);
    let quiet = mode(args.mode).is_quiet(&judgement);
    let body = body(&summary, &Options { testbed: args.testbed.clone(), resolved: quiet });
    if args.dry_run {
        print_text(&body);
        return Ok(Exit::Pass);
    }
    let access = Access::new(|name| std::env::var(name).ok(), args.repo.as_deref(), Duration::from_secs(args.patience));
    let access = access.map_err(|error| Error::tooling(&error))?;
    let marker = marker(&record, args.testbed.as_deref());
    let post = Post { pull_request: args.pr, marker: &marker, body: &body, only_update: quiet };
    let github = match Github::open(access) {
        Ok(github) => github,
        Err(error) => {
            degraded(&error.to_string(), &body, quiet);
            return Ok(Exit::Pass);
        }
    };
    match put(&github, &post) {
        Ok(Done::Created(address)) => print_text(format!("created the comment: {address}\n")),
        Ok(Done::Updated(address)) => print_text(format!("updated the comment: {address}\n")),
        Ok(Done::Quiet) => print_text("this mode needs no comment, and there is none to update\n"),
        Err(message) => degraded(&message, &body, quiet),
    }
    if let Some(sha) = &args.check {
        let run = CheckRun {
            sha,
            name: &format!("harness: {}", record.scenario.name),
            title: &summary.headline,
            summary: without_marker(&body),
        };
        match create(&github, &run) {
            Ok(address) => print_text(format!("created the check run: {address}\n")),
            Err(message) => warn(&format!("the check run was not created: {message}")),
        }
    }
    Ok(Exit::Pass)
}

/// Returns a comment without its first line, which is the marker that only comments need.
fn without_marker(body: &str) -> &str {
    body.split_once('\n').map_or(body, |(_, text)| text)
}

/// Reads a run and judges its record again: the digest does not cover the stored judgement, which a fork may have written.
fn opened(path: &Path) -> Result<(Record, Judgement, bool), Error> {
    let opened = stored::open(path).map_err(|error| Error::input(&error))?;
    let judgement = judged_again(&opened.record, opened.context);
    Ok((opened.record, judgement, opened.partial))
}

/// Warns why nothing was posted, and writes the comment to the summary of the step.
fn degraded(message: &str, body: &str, quiet: bool) {
    let mut message = format!("the comment was not posted: {message}");
    if let Some(path) = file("GITHUB_STEP_SUMMARY").filter(|_| !quiet) {
        match append_summary(&path, without_marker(body)) {
            Ok(()) => message.push_str("; it is in the summary of this step"),
            Err(error) => message.push_str(&format!("; and {error}")),
        }
    }
    warn(&message);
}

/// Prints a warning, as an annotation in a step of GitHub Actions.
fn warn(message: &str) {
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let mut commands = Commands::default();
        commands.annotate(Level::Warning, "harness comment", message);
        print_commands(&commands);
    } else {
        print_warning(message);
    }
}

const fn mode(wanted: CommentMode) -> Mode {
    match wanted {
        CommentMode::Always => Mode::Always,
        CommentMode::OnChange => Mode::OnChange,
        CommentMode::OnAlert => Mode::OnAlert,
    }
}
