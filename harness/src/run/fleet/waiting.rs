//! Follows the nodes while they join.

use std::net::SocketAddr;

use super::Event;
use super::placing::Placing;
use super::trouble::Trouble;
use harness_fleet::order::HubEvent;
use harness_fleet::secret::{NODE_VARIABLE, NodeSecret};
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_rig::target::Site;

/// What control needs of an event of the hub.
#[derive(Debug)]
pub(super) enum Seen {
    Listening(SocketAddr),
    Joined(String),
    /// Who left again, and why.
    Left(String),
    /// Who was refused, and why.
    Refused(String),
    Other,
}

impl Seen {
    pub(super) fn of(event: &HubEvent) -> Self {
        match event {
            HubEvent::Listening { address } => Self::Listening(*address),
            HubEvent::Joined(node) => Self::Joined(node.name.clone()),
            HubEvent::Refused(refused) => Self::Refused(refused.to_string()),
            HubEvent::Left { name, why, .. } => Self::Left(format!("{name} left: {why}")),
            _ => Self::Other,
        }
    }
}

/// A fleet whose nodes are expected.
pub(super) struct Waiting<'a> {
    pub(super) spec: &'a FleetSpec,
    pub(super) site: &'a Site,
    pub(super) run_id: &'a str,
    pub(super) node_secret: NodeSecret,
    pub(super) placing: Placing,
    pub(super) joined: u64,
}

impl Waiting<'_> {
    /// Places the nodes once the hub listens, and shows who has joined.
    ///
    /// # Errors
    /// Returns [`Trouble`] if the engine refuses to run the nodes.
    pub(super) async fn see(&mut self, seen: Seen, events: &mut (dyn FnMut(Event) + Send)) -> Result<(), Trouble> {
        match seen {
            Seen::Listening(hub) => {
                if self.spec.engine == FleetEngine::Joined {
                    events(Event::Note(format!(
                        "  type on each node, with {NODE_VARIABLE} set: harness node join {hub}"
                    )));
                }
                self.placing.place(self.spec, (self.site, self.run_id), (&self.node_secret, hub)).await?;
            }
            Seen::Joined(name) => {
                self.joined += 1;
                events(Event::Note(format!("  {name} joined")));
            }
            Seen::Left(who) => {
                self.joined = self.joined.saturating_sub(1);
                events(Event::Note(format!("  {who}")));
            }
            Seen::Refused(who) => events(Event::Note(format!("  refused {who}"))),
            Seen::Other => {}
        }
        events(Event::Doing(format!("waiting for nodes: {} of {} joined", self.joined, self.spec.nodes)));
        Ok(())
    }

    /// Adds the reasons of the engine to those of the hub.
    pub(super) async fn explained(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Assemble(cause) => Trouble::Placed { cause, failures: self.placing.failures().await },
            trouble => trouble,
        }
    }
}
