//! Keeps one comment per pull request: found by its marker, rewritten by every run, created only where there is none.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use super::github::answer::{Comment, PER_PAGE, Page};
use super::github::{Github, Trouble};
use super::tries::tries;

/// Pages to search: 10,000 comments.
const PAGES: usize = 200;

/// A comment, and the pull request to post it on.
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
    tries(github, async |deadline| attempt(github, post, deadline).await)
}

async fn attempt(github: &Github, post: &Post<'_>, deadline: Instant) -> Result<Done, Trouble> {
    let login = github.login(deadline).await?;
    let body = json!({ "body": post.body });
    let write = async |method: Method, path: String| -> Result<String, Trouble> {
        let comment: Comment = github.repository(method, &path, Some(&body), deadline).await?;
        Ok(comment.address().to_owned())
    };
    match find(github, post, login.as_deref(), deadline).await? {
        Some(id) => write(Method::PATCH, format!("/issues/comments/{id}")).await.map(Done::Updated),
        None if post.only_update => Ok(Done::Quiet),
        None => write(Method::POST, format!("/issues/{}/comments", post.pull_request)).await.map(Done::Created),
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
        let path = format!("/issues/{}/comments?per_page={PER_PAGE}&page={page}", post.pull_request);
        let Page(comments) = github.repository(Method::GET, &path, None, deadline).await?;
        let found = comments.iter().find(|comment| comment.is_ours(post.marker, login));
        if let Some(id) = found.and_then(Comment::id) {
            return Ok(Some(id));
        }
        if comments.len() < PER_PAGE {
            return Ok(None);
        }
    }
    let message = format!("pull request {} has more than {} comments", post.pull_request, PER_PAGE * PAGES);
    Err(Trouble::Lasting { status: None, message })
}
