//! Creates a check run beside the comment. Its conclusion is always neutral: it shows the verdict at the commit and blocks nothing.

use reqwest::Method;
use serde_json::json;

use super::github::Github;
use super::github::answer::Comment;
use super::tries::tries;

/// A check run to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun<'a> {
    /// The commit, with 40 hexadecimal digits.
    pub sha: &'a str,
    pub name: &'a str,
    /// The verdict in one line.
    pub title: &'a str,
    /// Markdown, at most 65,535 characters.
    pub summary: &'a str,
}

/// Creates it and returns its address. GitHub shows the newest of several with one name, so one that was created without an answer does
/// no harm.
///
/// # Errors
/// Returns what failed, in one sentence without the token.
pub fn create(github: &Github, run: &CheckRun<'_>) -> Result<String, String> {
    let body = json!({
        "name": run.name,
        "head_sha": run.sha,
        "status": "completed",
        "conclusion": "neutral",
        "output": { "title": run.title, "summary": run.summary },
    });
    tries(github, async |deadline| {
        let created: Comment = github.repository(Method::POST, "/check-runs", Some(&body), deadline).await?;
        Ok(created.address().to_owned())
    })
}
