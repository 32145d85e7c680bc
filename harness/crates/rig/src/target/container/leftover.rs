//! What a run left behind in the engine.

use std::collections::HashMap;
use std::fmt;

/// The kind of a leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Container,
    Network,
    Image,
    /// A service of a Swarm.
    Service,
    /// A secret of a Swarm.
    Secret,
}

/// A container, network, image, service or secret with one of our labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub kind: Kind,
    pub id: String,
    pub name: String,
    pub(super) labels: HashMap<String, String>,
}

impl fmt::Display for Leftover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Container => "container",
            Kind::Network => "network",
            Kind::Image => "image",
            Kind::Service => "service",
            Kind::Secret => "secret",
        };
        write!(out, "{kind} {}", self.name)
    }
}

impl Leftover {
    /// Creates a leftover from what the engine says of it.
    pub(super) fn new(
        kind: Kind,
        id: Option<String>,
        name: Option<String>,
        labels: Option<HashMap<String, String>>,
    ) -> Self {
        let id = id.unwrap_or_default();
        let name = name.unwrap_or_else(|| id.clone());
        Self { kind, id, name, labels: labels.unwrap_or_default() }
    }
}
