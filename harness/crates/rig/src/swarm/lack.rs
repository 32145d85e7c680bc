//! What an engine lacks for a fleet.

use std::fmt;

use bollard::models::{Node, NodeSpecAvailabilityEnum, NodeState};

use super::constraint::{self, Constraint};

/// The largest number of engines that a message names.
const NAMED: usize = 5;

/// Something that an engine lacks for a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The engine is in no Swarm.
    NotInSwarm,
    /// The engine is a worker, which can place nothing.
    NotManager,
    /// The engine was started again and waits for its key.
    Locked,
    /// The engine lost its Swarm, or is still joining.
    Broken { message: String },
    /// A constraint cannot be read.
    Constraint { text: String },
    TooFewNodes {
        wanted: u64,
        /// Engines on which a node can be placed.
        ready: u64,
        left_out: Vec<LeftOut>,
    },
    /// This engine does not have the image of the scenario. Others may have it, or pull it.
    NoImage { image: String },
    /// The nodes run an image that is made from this program, which other engines cannot pull.
    OwnImage { image: String, engines: u64 },
}

/// An engine on which no node can be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub node: String,
    pub why: WhyLeftOut,
}

/// The reason why no node can be placed on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyLeftOut {
    Down,
    /// It is drained or paused.
    Unavailable,
    /// It does not satisfy this constraint.
    Constraint(String),
}

impl Lack {
    /// Returns whether no fleet can be placed. The others are warnings: whether other engines have an image is not known before they start it.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::NoImage { .. } | Self::OwnImage { .. })
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInSwarm => out.write_str(
                "the container engine is in no Swarm; make one with: docker swarm init, and let other machines join it with: \
                 docker swarm join-token worker",
            ),
            Self::NotManager => out.write_str(
                "the container engine is a worker of its Swarm, and only a manager can place nodes; run harness on a manager, \
                 or type there: docker node promote NODE",
            ),
            Self::Locked => out.write_str("the Swarm is locked; unlock it with: docker swarm unlock"),
            Self::Broken { message } => {
                write!(out, "the container engine has no contact with its Swarm: {message}; check with: docker info")
            }
            Self::Constraint { text } => write!(
                out,
                "the constraint {text:?} cannot be read; write for example \"node.labels.load==yes\" or \"node.role!=manager\""
            ),
            Self::TooFewNodes { wanted, ready, left_out } => {
                write!(out, "{wanted} nodes need {wanted} engines, and {ready} are ready")?;
                for (number, LeftOut { node, why }) in left_out.iter().take(NAMED).enumerate() {
                    write!(out, "{}{node} {why}", if number == 0 { ": " } else { ", " })?;
                }
                if left_out.len() > NAMED {
                    write!(out, " and {} more", left_out.len() - NAMED)?;
                }
                write!(out, "; lower fleet.nodes, or check with: docker node ls")
            }
            Self::NoImage { image } => write!(
                out,
                "image {image} is not on this engine, and each engine without it must be able to pull it; get it with: docker \
                 pull {image}"
            ),
            Self::OwnImage { image, engines } => write!(
                out,
                "the nodes run {image}, which is made from this program and loaded into this engine only, of {engines}; load it \
                 into the others with: harness __image PROGRAM --tag {image} --out FILE and docker load -i FILE, or name an \
                 image of a registry in fleet.image"
            ),
        }
    }
}

impl fmt::Display for WhyLeftOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => out.write_str("is down"),
            Self::Unavailable => out.write_str("is drained or paused"),
            Self::Constraint(text) => write!(out, "does not satisfy {text:?}"),
        }
    }
}

/// Returns that there are too few engines on which one of `wanted` nodes can be placed, if that is so.
pub(super) fn too_few(wanted: u64, engines: &[Node], constraints: &[Constraint]) -> Option<Lack> {
    let left_out: Vec<LeftOut> = engines
        .iter()
        .filter_map(|node| {
            Some(LeftOut { node: constraint::host(node).to_owned(), why: why_left_out(node, constraints)? })
        })
        .collect();
    let ready = (engines.len() - left_out.len()) as u64;
    (ready < wanted).then_some(Lack::TooFewNodes { wanted, ready, left_out })
}

fn why_left_out(node: &Node, constraints: &[Constraint]) -> Option<WhyLeftOut> {
    let state = node.status.as_ref().and_then(|status| status.state);
    let availability = node.spec.as_ref().and_then(|spec| spec.availability);
    if state != Some(NodeState::READY) {
        return Some(WhyLeftOut::Down);
    }
    if availability != Some(NodeSpecAvailabilityEnum::ACTIVE) {
        return Some(WhyLeftOut::Unavailable);
    }
    let refused = constraints.iter().find(|constraint| !constraint.admits(node))?;
    Some(WhyLeftOut::Constraint(refused.text.clone()))
}

#[cfg(test)]
mod tests {
    use bollard::models::{NodeDescription, NodeSpec, NodeStatus};

    use super::*;

    fn node(host: &str, state: NodeState, availability: NodeSpecAvailabilityEnum) -> Node {
        Node {
            description: Some(NodeDescription { hostname: Some(host.to_owned()), ..NodeDescription::default() }),
            status: Some(NodeStatus { state: Some(state), ..NodeStatus::default() }),
            spec: Some(NodeSpec { availability: Some(availability), ..NodeSpec::default() }),
            ..Node::default()
        }
    }

    #[test]
    fn engines_that_cannot_take_a_node_are_named_with_the_reason() {
        let (ready, down) = (NodeState::READY, NodeState::DOWN);
        let (active, drained) = (NodeSpecAvailabilityEnum::ACTIVE, NodeSpecAvailabilityEnum::DRAIN);
        let engines = [node("a", ready, active), node("b", down, active), node("c", ready, drained)];
        assert_eq!(too_few(1, &engines, &[]), None);
        let lack = too_few(2, &engines, &[]).unwrap();
        assert!(lack.is_fatal());
        assert!(
            lack.to_string().starts_with("2 nodes need 2 engines, and 1 are ready: b is down, c is drained or paused;")
        );
        let (constraints, unreadable) = constraint::read(&["node.labels.load==yes".to_owned()]);
        assert!(unreadable.is_empty());
        let lack = too_few(1, &engines, &constraints).unwrap();
        assert!(lack.to_string().contains("a does not satisfy \"node.labels.load==yes\""), "{lack}");
    }

    #[test]
    fn an_image_that_others_may_have_is_a_warning() {
        assert!(!Lack::NoImage { image: "a:1".to_owned() }.is_fatal());
        assert!(!Lack::OwnImage { image: "a:1".to_owned(), engines: 2 }.is_fatal());
        assert!(Lack::NotInSwarm.is_fatal() && Lack::Constraint { text: String::new() }.is_fatal());
    }
}
