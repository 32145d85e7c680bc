//! The part of GitHub's REST API that comments need: bounded in time and size, with a token that never prints.

pub mod answer;
mod trouble;

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::proxy;
use answer::{Failure, User};
use harness_base::units::{Bytes, Nanos};
use trouble::{advice, is_invalid, lasting, root_cause};

pub(super) use trouble::Trouble;

/// How many times the limit of one request all requests may take together.
const REQUESTS: u32 = 6;

/// Address of the API unless `GITHUB_API_URL` is set.
const PUBLIC: &str = "https://api.github.com";

/// Errors of the settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the repository is unknown; add `--repo OWNER/NAME`, or set GITHUB_REPOSITORY")]
    NoRepository,
    /// It is not an `OWNER/NAME`.
    #[error("{repository:?} is not a repository; type `--repo OWNER/NAME`")]
    NotRepository { repository: String },
    /// The token would be sent unencrypted over a network.
    #[error("GITHUB_API_URL is {url:?}: it must begin with https://, because the token would be sent unencrypted")]
    Insecure { url: String },
    #[error("GITHUB_TOKEN is not set; give the step `env: GITHUB_TOKEN: ${{ github.token }}`")]
    NoToken,
    /// The proxy cannot be used, or the host has no certificates.
    #[error("the HTTP client cannot be set up: {}", root_cause(cause))]
    Client { cause: reqwest::Error },
}

/// The repository, its address, the token, and the time limit.
#[derive(Debug, Clone)]
pub struct Access {
    base: String,
    repository: String,
    token: Option<Secret>,
    proxy: Option<Secret>,
    patience: Duration,
}

impl Access {
    /// Reads `GITHUB_API_URL`, `GITHUB_REPOSITORY`, `GITHUB_TOKEN` and the proxy variables through `variable`;
    /// `repository` overrides its variable. `patience` limits the duration of one request.
    ///
    /// # Errors
    /// Returns an [`Error`] if a setting is certainly wrong. A missing token is accepted here, because pull requests
    /// from forks have none.
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
        // A proxy cannot resolve the loopback names of this host.
        let proxy = if base.starts_with("http://") { None } else { proxy::of(&variable, proxy::host(&base)) };
        Ok(Self { base, repository, token: set("GITHUB_TOKEN").map(Secret), proxy: proxy.map(Secret), patience })
    }
}

/// Returns whether a URL is encrypted or local, and has no user.
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

/// Text that prints as stars: a token, or the address of a proxy with its password.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// A client for one repository.
#[derive(Debug)]
pub struct Github {
    client: Client,
    base: String,
    repository: String,
    token: Secret,
    patience: Duration,
}

impl Github {
    /// Sets up the client without sending anything. Only this part of the harness honours `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`, because only it connects to other hosts.
    ///
    /// # Errors
    /// Returns [`Error::NoToken`] or [`Error::Client`].
    pub fn open(access: Access) -> Result<Self, Error> {
        let Access { base, repository, token, proxy, patience } = access;
        let token = token.ok_or(Error::NoToken)?;
        let mut builder = Client::builder()
            // The token must not follow a redirection, and a write must not become a read.
            .redirect(redirect::Policy::none())
            .no_gzip()
            .no_proxy()
            .user_agent(concat!("harness/", env!("CARGO_PKG_VERSION")));
        if let Some(Secret(proxy)) = proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|cause| Error::Client { cause })?);
        }
        if base.starts_with("http://") {
            // Certificates are not needed, and need not be installed.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|cause| Error::Client { cause })?;
        Ok(Self { client, base, repository, token, patience })
    }

    /// Returns the time limit of all requests together.
    pub(super) fn patience_in_all(&self) -> Duration {
        self.patience * REQUESTS
    }

    /// Removes the token from `text`.
    pub(super) fn redacted(&self, text: &str) -> String {
        text.replace(&self.token.0, "***")
    }

    /// Reads the owner of the token; `None` for the token of a workflow or an app, which may not ask.
    pub(super) async fn login(&self, deadline: Instant) -> Result<Option<String>, Trouble> {
        match self.call::<User>(Method::GET, "/user", None, deadline).await {
            Ok(user) => Ok(user.login()),
            Err(Trouble::Lasting { status: Some(403 | 404), .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends a request about the repository.
    pub(super) async fn repository<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        deadline: Instant,
    ) -> Result<T, Trouble> {
        self.call(method, &format!("/repos/{}{path}", self.repository), body, deadline).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        deadline: Instant,
    ) -> Result<T, Trouble> {
        let what = format!("{method} {path}");
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let span = span(self.patience_in_all());
            return Err(Trouble::Passing(format!("{what} was not sent, because the requests before it took {span}")));
        }
        let within = self.patience.min(left);
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .timeout(within)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.0))
            .body(body.map(Value::to_string).unwrap_or_default());
        let failed = |failure: Failure| self.trouble(&what, failure, within);
        let response = request.send().await.map_err(|error| failed(Failure::Broken(error)))?;
        let status = response.status().as_u16();
        let body = answer::body(response).await.map_err(failed)?;
        if (200..300).contains(&status) {
            return answer::parse(&body).map_err(|problem| lasting(Some(status), format!("{what}: {problem}")));
        }
        let reason = match answer::refusal(&body) {
            Some(line) => format!(" ({})", self.redacted(&line)),
            None => String::new(),
        };
        let message = format!("{what}: HTTP {status}{reason}{}", advice(status));
        if status >= 500 || status == 429 {
            Err(Trouble::Passing(message))
        } else {
            Err(lasting(Some(status), message))
        }
    }

    /// Describes an answer that did not come, or not whole.
    fn trouble(&self, what: &str, failure: Failure, within: Duration) -> Trouble {
        let base = &self.base;
        let error = match failure {
            Failure::TooLarge => {
                let limit = Bytes(answer::LARGEST as u64);
                return lasting(None, format!("{what}: the answer of {base} is larger than {limit}"));
            }
            Failure::Broken(error) => error,
        };
        if error.is_builder() {
            let message = format!("{what} cannot be built from GITHUB_API_URL and GITHUB_TOKEN as they are set");
            return lasting(None, message);
        }
        if error.is_timeout() {
            return Trouble::Passing(format!("{what}: {base} did not answer within {}", span(within)));
        }
        let cause = self.redacted(&root_cause(&error).to_string());
        if is_invalid(&error) {
            return lasting(None, format!("{what}: {base}: {cause}"));
        }
        let how = if error.is_connect() { "cannot be reached" } else { "sent no valid answer" };
        Trouble::Passing(format!("{what}: {base} {how}: {cause}"))
    }
}

fn span(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
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
        let variables = [
            ("GITHUB_TOKEN", "s3cr3t"),
            ("GITHUB_REPOSITORY", "a/b"),
            ("HTTPS_PROXY", "http://user:s3cr3t@proxy.example:3128"),
        ];
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
            matches!(Github::open(access(&[("GITHUB_TOKEN", " ")], Some("a/b")).unwrap()), Err(Error::NoToken)),
            "an empty token is none"
        );
    }
}
