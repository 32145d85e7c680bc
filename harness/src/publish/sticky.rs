//! Keeps one comment per pull request: found by its marker, rewritten by every run, created only where there is none.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::github::{Github, Trouble};

/// Comments per page: GitHub's maximum.
const PER_PAGE: usize = 100;

/// Pages to search: 10,000 comments.
const PAGES: usize = 100;

/// Number of attempts if the cause may be temporary.
const TRIES: u32 = 3;

/// What to post, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post<'a> {
    /// Number of the pull request.
    pub pull_request: u64,
    /// First line of the body, which identifies the comment.
    pub marker: &'a str,
    pub body: &'a str,
    /// Only rewrite an existing comment; create none.
    pub only_update: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The comment was created; its address.
    Created(String),
    /// The comment was updated; its address.
    Updated(String),
    /// There was no comment, and none was needed.
    Quiet,
}

/// Posts or updates the comment. Each attempt searches for it again, because a write without an answer may have
/// succeeded.
///
/// # Errors
/// Returns what failed, in one sentence without the token.
pub fn put(github: &Github, post: &Post<'_>) -> Result<Done, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the HTTP client cannot be started: {error}"))?;
    let done = runtime.block_on(tries(github, post));
    // A name server that does not answer must not delay the end.
    runtime.shutdown_background();
    done
}

async fn tries(github: &Github, post: &Post<'_>) -> Result<Done, String> {
    let deadline = Instant::now() + github.patience() * 6;
    let mut tried = 0;
    loop {
        tried += 1;
        let trouble = match attempt(github, post, deadline).await {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        let again = matches!(trouble, Trouble::Passing(_)) && tried < TRIES && Instant::now() < deadline;
        if !again {
            let times = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
            return Err(github.redacted(&format!("{}{times}", trouble.message())));
        }
        tokio::time::sleep(Duration::from_millis(250) * tried).await;
    }
}

async fn attempt(github: &Github, post: &Post<'_>, deadline: Instant) -> Result<Done, Trouble> {
    let login = github.login().await?;
    let body = json!({ "body": post.body });
    let address = |comment: &Value| comment["html_url"].as_str().unwrap_or("no address was given").to_owned();
    match find(github, post, login.as_deref(), deadline).await? {
        Some(id) => {
            let path = format!("/issues/comments/{id}");
            github.repository(Method::PATCH, &path, Some(&body)).await.map(|comment| Done::Updated(address(&comment)))
        }
        None if post.only_update => Ok(Done::Quiet),
        None => {
            let path = format!("/issues/{}/comments", post.pull_request);
            github.repository(Method::POST, &path, Some(&body)).await.map(|comment| Done::Created(address(&comment)))
        }
    }
}

/// Finds the oldest comment of ours with the marker.
async fn find(
    github: &Github,
    post: &Post<'_>,
    login: Option<&str>,
    deadline: Instant,
) -> Result<Option<u64>, Trouble> {
    for page in 1..=PAGES {
        if Instant::now() >= deadline {
            return Err(Trouble::Passing(format!("reading the comments took too long and stopped at page {page}")));
        }
        let path = format!("/issues/{}/comments?per_page={PER_PAGE}&page={page}", post.pull_request);
        let answer = github.repository(Method::GET, &path, None).await?;
        let not_a_list = || Trouble::Lasting { status: None, message: format!("GET {path}: the answer is not a list") };
        let comments = answer.as_array().ok_or_else(not_a_list)?;
        let found = comments.iter().find(|comment| is_ours(comment, post.marker, login));
        if let Some(id) = found.and_then(|comment| comment["id"].as_u64()) {
            return Ok(Some(id));
        }
        if comments.len() < PER_PAGE {
            return Ok(None);
        }
    }
    let message = format!("pull request {} has more than {} comments", post.pull_request, PER_PAGE * PAGES);
    Err(Trouble::Lasting { status: None, message })
}

/// Returns whether the token's owner wrote the comment, or, if the owner is unknown, a program: a marker alone can be forged.
fn is_ours(comment: &Value, marker: &str, login: Option<&str>) -> bool {
    let user = &comment["user"];
    let ours = match login {
        Some(login) => user["login"].as_str() == Some(login),
        None => user["type"].as_str() == Some("Bot"),
    };
    let first = comment["body"].as_str().and_then(|body| body.lines().next()).unwrap_or_default();
    ours && first.trim_end() == marker
}
