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
    /// Others that the scenario names: the key of each, and its URL.
    pub others: Vec<(String, HttpUrl)>,
}

impl Endpoints {
    /// Returns the URL at this key of the scenario.
    pub fn other(&self, key: &str) -> Option<&HttpUrl> {
        self.others.iter().find(|(known, _)| known == key).map(|(_, url)| url)
    }
}
