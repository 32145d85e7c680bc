//! Waits until the fleet is complete.

use tokio::io::{AsyncBufRead, AsyncWrite, Lines};
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::time::sleep;

use super::door::{Guest, Knock, refuse};
use super::error::HubError;
use super::session::{Event, Events, Session};
use crate::frame::text;
use crate::hello::{Refusal, Reply, Role, Welcome};
use crate::order::{HubEvent, HubOrder, NodeFacts, RefusedPeer};
use crate::upward::Upward;
use harness_base::clock::Mono;

/// How many refusals are reported. Any process that reaches the port can cause one.
const REFUSALS: usize = 32;

/// The places of a fleet.
struct Places {
    nodes: Vec<Option<Session>>,
    /// Identifies the start of this machine's kernel.
    boot: Option<String>,
}

/// Waits for the nodes, and reports what happens meanwhile. Returns `None` if there were too few, or control has ended.
pub(super) async fn assemble<C, A>(
    order: &HubOrder,
    boot: Option<String>,
    knocks: &mut UnboundedReceiver<Knock>,
    events: &mut Events,
    commands: &mut Lines<C>,
    up: &mut Upward<A>,
) -> Result<Option<Vec<Session>>, HubError>
where
    C: AsyncBufRead + Unpin,
    A: AsyncWrite + Unpin,
{
    let begun = Mono::now();
    let number = usize::try_from(order.nodes).map_err(|_| HubError::Nodes { nodes: order.nodes })?;
    let mut places = Places { nodes: (0..number).map(|_| None).collect(), boot };
    let mut refused = Vec::new();
    let mut wait = std::pin::pin!(sleep(order.wait.duration()));
    while !places.are_taken() {
        tokio::select! {
            Some(knock) = knocks.recv() => {
                let event = match knock {
                    Knock::Guest(guest) => places.seat(*guest, &events.sender),
                    Knock::Refused(peer) if refused.len() < REFUSALS => {
                        refused.push(peer.clone());
                        Some(HubEvent::Refused(peer))
                    }
                    Knock::Refused(_) => None,
                };
                if let Some(event) = event {
                    up.line(&event).await?;
                }
            }
            Some(event) = events.receiver.recv() => {
                if let Some(left) = places.leave(event) {
                    up.line(&left).await?;
                }
            }
            // Control has nothing to say until the fleet is complete.
            _ = commands.next_line() => return Ok(None),
            () = &mut wait => {
                let (joined, waited) = (places.taken(), Mono::now().since(begun));
                up.line(&HubEvent::TooFew { joined, wanted: order.nodes, waited, refused }).await?;
                return Ok(None);
            }
        }
    }
    let nodes: Vec<Session> = places.nodes.into_iter().flatten().collect();
    up.line(&HubEvent::Assembled { nodes: nodes.iter().map(|node| node.facts.clone()).collect() }).await?;
    Ok(Some(nodes))
}

impl Places {
    fn are_taken(&self) -> bool {
        self.nodes.iter().all(Option::is_some)
    }

    fn taken(&self) -> u64 {
        self.nodes.iter().flatten().count() as u64
    }

    /// Gives a node the first place that is free. There is none for an agent before the fleet is complete.
    fn seat(&mut self, guest: Guest, events: &Sender<Event>) -> Option<HubEvent> {
        let Guest { peer, hello, stream } = guest;
        let of = self.nodes.len() as u64;
        let free = self.nodes.iter().position(Option::is_none).filter(|_| hello.role == Role::Node);
        let Some(index) = free else {
            tokio::spawn(refuse(stream, Refusal::Full));
            return Some(HubEvent::Refused(RefusedPeer { peer, why: Refusal::Full }));
        };
        let boot = hello.about.boot.clone();
        let facts = NodeFacts::of(hello.about, index as u64, peer.ip(), self.boot.as_deref());
        let welcome = text(&Reply::Welcome(Welcome { index: index as u64, of }));
        let session = Session::start(stream, index, (facts.clone(), boot), Some(welcome), events.clone());
        self.nodes[index] = Some(session);
        Some(HubEvent::Joined(facts))
    }

    /// Frees the place of a node that is lost.
    fn leave(&mut self, event: Event) -> Option<HubEvent> {
        let Event::Lost { node, why } = event else { return None };
        let session = self.nodes.get_mut(node)?.take()?;
        Some(HubEvent::Left { index: session.facts.index, name: session.facts.name.clone(), why })
    }
}
