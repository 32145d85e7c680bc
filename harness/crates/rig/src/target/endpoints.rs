//! The URLs of a target.

use super::url::HttpUrl;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where requests to be proxied go.
    pub proxy: HttpUrl,
    /// Answers 2xx once it is alive.
    pub health: Option<HttpUrl>,
    /// Answers 2xx once it can serve.
    pub ready: Option<HttpUrl>,
}
