//! Reads GitHub's answers within bounds: of their size, of the number of comments, and of what is kept of a text.

use std::fmt;

use reqwest::Response;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};

/// Largest accepted answer in bytes: more than a page of comments of 65,536 characters, each escaped as six.
pub(super) const LARGEST: usize = 20 << 20;

/// Comments per page.
pub const PER_PAGE: usize = 50;

/// Largest number of characters that is kept of a text.
const KEPT: usize = 1000;

/// Largest number of characters of a reason or an address that is printed.
const SHOWN: usize = 200;

/// An answer that is not complete.
#[derive(Debug)]
pub(super) enum Failure {
    Broken(reqwest::Error),
    /// It has more than [`LARGEST`] bytes.
    TooLarge,
}

/// Reads the body of an answer, up to [`LARGEST`].
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    if response.content_length().is_some_and(|length| length > LARGEST as u64) {
        return Err(Failure::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::Broken)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An answer that is not understood.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("the answer is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("the answer is JSON, but not what GitHub sends (line {line}, column {column})")]
    Foreign { line: usize, column: usize },
}

/// Reads the JSON of an answer.
///
/// # Errors
/// Returns a [`Problem`] with its place; the text of the answer is not repeated.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Problem::Foreign { line, column } } else { Problem::NotJson { line, column } }
    })
}

/// Extracts GitHub's reason for a refusal, on one line.
pub fn refusal(body: &[u8]) -> Option<String> {
    let refusal: Refusal = parse(body).ok()?;
    let line: String = refusal.message?.0.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    Some(line).filter(|line| !line.is_empty())
}

#[derive(serde::Deserialize)]
struct Refusal {
    message: Option<Line>,
}

/// The first line of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line(String);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct First;
        impl Visitor<'_> for First {
            type Value = Line;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Line, E> {
                Ok(Line(text.lines().next().unwrap_or_default().chars().take(KEPT).collect()))
            }
        }
        text.deserialize_str(First)
    }
}

/// An account.
#[derive(Debug, serde::Deserialize)]
pub struct User {
    login: Option<Line>,
    #[serde(rename = "type")]
    kind: Option<Line>,
}

impl User {
    /// Returns its name.
    pub(super) fn login(self) -> Option<String> {
        self.login.map(|login| login.0)
    }
}

/// A comment, as far as it matters.
#[derive(Debug, serde::Deserialize)]
pub struct Comment {
    id: Option<u64>,
    user: Option<User>,
    body: Option<Line>,
    html_url: Option<Line>,
}

impl Comment {
    pub(in crate::publish) const fn id(&self) -> Option<u64> {
        self.id
    }

    /// Returns its address, if that is one.
    pub fn address(&self) -> &str {
        let url = self.html_url.as_ref().map(|line| line.0.as_str()).unwrap_or_default();
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        let is_plain = url.len() <= SHOWN && url.bytes().all(|byte| byte.is_ascii_graphic());
        if is_web && is_plain { url } else { "no address was given" }
    }

    /// Returns whether the token's owner wrote the comment, or, if the owner is unknown, a program: a marker alone can be forged.
    pub(in crate::publish) fn is_ours(&self, marker: &str, login: Option<&str>) -> bool {
        let user = self.user.as_ref();
        let ours = match login {
            Some(login) => user.and_then(|user| user.login.as_ref()).is_some_and(|name| name.0 == login),
            None => user.and_then(|user| user.kind.as_ref()).is_some_and(|kind| kind.0 == "Bot"),
        };
        ours && self.body.as_ref().is_some_and(|first| first.0.trim_end() == marker)
    }
}

/// A page of comments, [`PER_PAGE`] at most.
#[derive(Debug)]
pub struct Page(pub(in crate::publish) Vec<Comment>);

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        struct Some50;
        impl<'de> Visitor<'de> for Some50 {
            type Value = Page;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "a list of at most {PER_PAGE} comments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Page, A::Error> {
                let mut comments = Vec::new();
                while let Some(comment) = items.next_element()? {
                    if comments.len() == PER_PAGE {
                        return Err(A::Error::invalid_length(PER_PAGE + 1, &self));
                    }
                    comments.push(comment);
                }
                Ok(Page(comments))
            }
        }
        list.deserialize_seq(Some50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_most_its_number_of_comments() {
        let page = |count: usize| parse::<Page>(format!("[{}]", vec!["{}"; count].join(",")).as_bytes());
        assert_eq!(page(PER_PAGE).unwrap().0.len(), PER_PAGE);
        assert!(matches!(page(PER_PAGE + 1), Err(Problem::Foreign { line: 1, .. })));
        assert!(matches!(parse::<Page>(b"{}"), Err(Problem::Foreign { .. })));
        assert!(matches!(parse::<Page>(b"[{}"), Err(Problem::NotJson { .. })));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(parse::<Page>(deep.as_bytes()).is_err());
        // Other parts are skipped without recursion.
        assert!(parse::<Page>(format!("[{{\"other\":{deep}}}]").as_bytes()).is_ok());
    }

    #[test]
    fn an_address_is_printed_only_if_it_is_one() {
        let address = |url: &str| {
            let text = serde_json::json!({ "html_url": url }).to_string();
            parse::<Comment>(text.as_bytes()).unwrap().address().to_owned()
        };
        assert_eq!(address("https://github.example/c/1"), "https://github.example/c/1");
        for url in [
            "",
            "::add-mask::x",
            "https://a b",
            "javascript:1",
            "https://\u{1b}[2J",
            &format!("https://{}", "a".repeat(300)),
        ] {
            assert_eq!(address(url), "no address was given");
        }
    }

    #[test]
    fn a_comment_is_ours_by_its_first_line_and_its_author() {
        let comment = |kind: &str, body: &str| -> Comment {
            let text = serde_json::json!({ "user": { "login": "ann", "type": kind }, "body": body }).to_string();
            parse(text.as_bytes()).unwrap()
        };
        assert!(comment("Bot", "m \r\nmore").is_ours("m", None));
        assert!(!comment("User", "m").is_ours("m", None) && comment("User", "m").is_ours("m", Some("ann")));
        assert!(!comment("Bot", "\nm").is_ours("m", None) && !comment("Bot", "m").is_ours("m", Some("bob")));
    }
}
