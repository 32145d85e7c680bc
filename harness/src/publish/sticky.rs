//! One comment that stays: found by its marker, rewritten by every run, written anew only where there is none.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Method;

use super::github::{Github, Trouble};

/// Comments of one page. GitHub gives no more.
const PER_PAGE: usize = 100;

/// Pages that are looked through: 10,000 comments.
const PAGES: usize = 100;

/// Times that the whole is tried where the trouble may pass.
const TRIES: u32 = 3;

/// What to post, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post<'a> {
    /// Number of the pull request.
    pub pull_request: u64,
    /// First line of the body, by which the comment is found.
    pub marker: &'a str,
    pub body: &'a str,
    /// Only rewrite a comment that is there; write none.
    pub only_update: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// There was none; its address.
    Created(String),
    /// It was rewritten; its address.
    Updated(String),
    /// There was none, and there was nothing to say.
    Quiet,
}

/// Posts or rewrites the comment. Each try looks for it again, since a write that was not answered may have been done.
///
/// # Errors
/// What happened, in one sentence without the token, when it cannot be done or not in time.
pub fn put(github: &Github, post: &Post<'_>) -> Result<Done, String> {
    let deadline = Instant::now() + github.patience() * 6;
    let mut tried = 0;
    loop {
        tried += 1;
        let trouble = match attempt(github, post, deadline) {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        let again = matches!(trouble, Trouble::Passing(_)) && tried < TRIES && Instant::now() < deadline;
        if !again {
            let times = if tried > 1 { format!(" ({tried} tries)") } else { String::new() };
            return Err(github.redacted(&format!("{}{times}", trouble.message())));
        }
        std::thread::sleep(Duration::from_millis(250) * tried);
    }
}

fn attempt(github: &Github, post: &Post<'_>, deadline: Instant) -> Result<Done, Trouble> {
    let login = github.login()?;
    let body = json!({ "body": post.body });
    let address = |comment: &Value| comment["html_url"].as_str().unwrap_or("no address was given").to_owned();
    match find(github, post, login.as_deref(), deadline)? {
        Some(id) => {
            let path = format!("/issues/comments/{id}");
            github.repository(Method::PATCH, &path, Some(&body)).map(|comment| Done::Updated(address(&comment)))
        }
        None if post.only_update => Ok(Done::Quiet),
        None => {
            let path = format!("/issues/{}/comments", post.pull_request);
            github.repository(Method::POST, &path, Some(&body)).map(|comment| Done::Created(address(&comment)))
        }
    }
}

/// The id of the oldest comment of ours with the marker.
fn find(github: &Github, post: &Post<'_>, login: Option<&str>, deadline: Instant) -> Result<Option<u64>, Trouble> {
    for page in 1..=PAGES {
        if Instant::now() >= deadline {
            return Err(Trouble::Passing(format!("looking through the comments took too long, at page {page}")));
        }
        let path = format!("/issues/{}/comments?per_page={PER_PAGE}&page={page}", post.pull_request);
        let answer = github.repository(Method::GET, &path, None)?;
        let not_a_list = || Trouble::Lasting { status: None, message: format!("GET {path}: the answer is no list") };
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

/// Written by who the token belongs to, or, where that cannot be known, by a program; anybody can write a marker.
fn is_ours(comment: &Value, marker: &str, login: Option<&str>) -> bool {
    let user = &comment["user"];
    let ours = match login {
        Some(login) => user["login"].as_str() == Some(login),
        None => user["type"].as_str() == Some("Bot"),
    };
    let first = comment["body"].as_str().and_then(|body| body.lines().next()).unwrap_or_default();
    ours && first.trim_end() == marker
}
