//! GitHub's REST interface, as far as comments go: bounded in time and size, and never telling anybody the token.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

use harness_base::units::Nanos;

/// Bytes of an answer: a page of a hundred comments of 65,536 characters, with room.
const LARGEST: u64 = 64 << 20;

/// Where the interface is unless `GITHUB_API_URL` says otherwise.
const PUBLIC: &str = "https://api.github.com";

/// Why a comment could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no repository is known: add `--repo OWNER/NAME`, or set GITHUB_REPOSITORY")]
    NoRepository,
    /// It is no `OWNER/NAME`.
    #[error("{repository:?} is no repository: type `--repo OWNER/NAME`")]
    NotRepository { repository: String },
    /// The token would cross a network in the clear.
    #[error("GITHUB_API_URL is {url:?}: it must begin with https://, the token would be sent in the clear")]
    Insecure { url: String },
}

/// Who asks whom, and how patiently.
#[derive(Debug, Clone)]
pub struct Access {
    base: String,
    repository: String,
    token: Option<Token>,
    patience: Duration,
}

impl Access {
    /// From `GITHUB_API_URL`, `GITHUB_REPOSITORY` and `GITHUB_TOKEN` as `variable` reads them; `repository` wins over its variable.
    /// `patience` is how long one request may take.
    ///
    /// # Errors
    /// [`Error`], where a mistake in the settings is certain. A missing token is none: pull requests from forks have none.
    pub fn new(
        variable: impl Fn(&str) -> Option<String>,
        repository: Option<&str>,
        patience: Duration,
    ) -> Result<Self, Error> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let base = set("GITHUB_API_URL").unwrap_or_else(|| PUBLIC.to_owned());
        let base = base.trim_end_matches('/').to_owned();
        if !is_safe(&base) {
            return Err(Error::Insecure { url: base });
        }
        let repository = repository.map(str::to_owned).or_else(|| set("GITHUB_REPOSITORY"));
        let repository = repository.ok_or(Error::NoRepository)?;
        if !is_repository(&repository) {
            return Err(Error::NotRepository { repository });
        }
        Ok(Self { base, repository, token: set("GITHUB_TOKEN").map(Token), patience })
    }
}

/// Encrypted, or to this very host; without a user, whose name could look like one.
fn is_safe(base: &str) -> bool {
    if base.contains('@') {
        return false;
    }
    let Some(rest) = base.strip_prefix("http://") else { return base.starts_with("https://") };
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        plain && !part.is_empty() && part != "." && part != ".."
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// A token that prints as stars.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may be over in a moment.
    Passing(String),
    /// Trying again would bring the same.
    Lasting {
        /// HTTP status, where there was an answer.
        status: Option<u16>,
        message: String,
    },
}

impl Trouble {
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Passing(message) | Self::Lasting { message, .. } => message,
        }
    }
}

/// A door to one repository.
#[derive(Debug)]
pub struct Github {
    agent: Agent,
    base: String,
    repository: String,
    token: Token,
    patience: Duration,
}

impl Github {
    /// Opens it; nothing is sent yet. `None` where there is no token. Of all parts of the harness, only this one honours
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`: it is the only one that leaves the host.
    pub fn open(access: Access) -> Option<Self> {
        let Access { base, repository, token, patience } = access;
        let config = Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false)
            // The token must not follow a redirection, and a write must not become a read.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("harness/", env!("CARGO_PKG_VERSION")));
        // A proxy cannot know what this host calls itself.
        let config = if base.starts_with("http://") { config.proxy(None) } else { config };
        Some(Self { agent: config.build().new_agent(), base, repository, token: token?, patience })
    }

    /// One request may take so long.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// `text` without the token.
    pub(super) fn redacted(&self, text: &str) -> String {
        text.replace(&self.token.0, "***")
    }

    /// Who the token belongs to; `None` for that of a workflow or an app, which may not ask.
    pub(super) fn login(&self) -> Result<Option<String>, Trouble> {
        match self.call(Method::GET, "/user", None) {
            Ok(user) => Ok(user["login"].as_str().map(str::to_owned)),
            Err(Trouble::Lasting { status: Some(403 | 404), .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// A request about the repository.
    pub(super) fn repository(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        self.call(method, &format!("/repos/{}{path}", self.repository), body)
    }

    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        let what = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.0))
            .body(body.map(Value::to_string).unwrap_or_default());
        let unmade =
            |_| lasting(None, format!("{what} cannot be made of GITHUB_API_URL and GITHUB_TOKEN as they are set"));
        let mut response = self.agent.run(request.map_err(unmade)?).map_err(|error| self.unanswered(&what, &error))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(LARGEST).read_to_string();
        let text = text.map_err(|error| self.unanswered(&what, &error))?;
        if (200..300).contains(&status) {
            return serde_json::from_str(&text)
                .map_err(|_| lasting(Some(status), format!("{what}: the answer is no JSON")));
        }
        let message = format!("{what}: HTTP {status}{}{}", self.message(&text), advice(status));
        if status >= 500 || status == 429 {
            Err(Trouble::Passing(message))
        } else {
            Err(lasting(Some(status), message))
        }
    }

    /// What GitHub says about a refusal, on one line.
    fn message(&self, text: &str) -> String {
        let answer: Option<Value> = serde_json::from_str(text).ok();
        let message = answer.as_ref().and_then(|answer| answer["message"].as_str()).unwrap_or_default();
        let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        if line.is_empty() { line } else { format!(" ({})", self.redacted(&line)) }
    }

    fn unanswered(&self, what: &str, error: &ureq::Error) -> Trouble {
        let base = &self.base;
        let patience = Nanos(u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX));
        match error {
            ureq::Error::Timeout(_) => Trouble::Passing(format!("{what}: {base} did not answer within {patience}")),
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
                Trouble::Passing(self.redacted(&format!("{what}: {base} cannot be reached: {error}")))
            }
            error => lasting(None, self.redacted(&format!("{what}: {error}"))),
        }
    }
}

const fn lasting(status: Option<u16>, message: String) -> Trouble {
    Trouble::Lasting { status, message }
}

const fn advice(status: u16) -> &'static str {
    match status {
        301 | 302 | 307 | 308 => "; the repository has another name now: say it with `--repo OWNER/NAME`",
        401 => "; the token is not valid, or not any more",
        403 => {
            "; the token may not write here: that of a fork's pull request never may, a job needs `pull-requests: write`"
        }
        404 => "; there is no such pull request, or the token does not see it",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(variables: &[(&str, &str)], repository: Option<&str>) -> Result<Access, Error> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Access::new(variable, repository, Duration::from_secs(10))
    }

    #[test]
    fn a_token_never_prints() {
        let variables = [("GITHUB_TOKEN", "s3cr3t"), ("GITHUB_REPOSITORY", "a/b")];
        let access = access(&variables, None).unwrap();
        assert!(!format!("{access:?}").contains("s3cr3t"));
        let github = Github::open(access).unwrap();
        assert!(!format!("{github:?}").contains("s3cr3t"));
        assert_eq!(github.redacted("Bearer s3cr3t."), "Bearer ***.");
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused() {
        assert!(matches!(access(&[], None), Err(Error::NoRepository)));
        for repository in ["a", "a/b/c", "/b", "a/..", "a b/c", "a/b?x"] {
            assert!(matches!(access(&[], Some(repository)), Err(Error::NotRepository { .. })), "{repository}");
        }
        for url in
            ["http://api.example", "ftp://x", "http://127.0.0.1.evil.example", "http://127.0.0.1:80@evil.example"]
        {
            let refused = access(&[("GITHUB_API_URL", url)], Some("a/b"));
            assert!(matches!(refused, Err(Error::Insecure { .. })), "{url}");
        }
        for url in ["https://github.example/api/v3/", "http://127.0.0.1:8080", "http://[::1]:80"] {
            assert!(access(&[("GITHUB_API_URL", url)], Some("a/b")).is_ok(), "{url}");
        }
        assert!(
            Github::open(access(&[("GITHUB_TOKEN", " ")], Some("a/b")).unwrap()).is_none(),
            "an empty token is none"
        );
    }
}
