//! Collects the answers of all nodes to one command, and merges them into one.

use harness_load::echo::facts::Handshakes;
use harness_load::facts::LoadFacts;
use harness_load::frames::{FromChild, Opened, Preflight, ToChild};
use harness_load::merge::{merge, merge_handshakes, merge_opened, merge_preflights, node_trial};
use harness_load::nodes::{NodeClock, NodeHost, NodeTrial};
use harness_load::seconds::SecondsMerger;
use harness_load::shift::shift_facts;

/// The answers to a command.
#[derive(Debug)]
pub(super) enum Gather {
    Opened(Slots<Opened>),
    Preflighted(Slots<Preflight>),
    Handshaken(Slots<Handshakes>),
    Trial(Box<Trial>),
}

/// The reports of one trial.
#[derive(Debug)]
pub(super) struct Trial {
    /// The clock of each node when the trial was ordered.
    clocks: Vec<NodeClock>,
    parts: Slots<(LoadFacts, NodeTrial)>,
    seconds: SecondsMerger,
    has_slices: bool,
}

/// One value from each node.
#[derive(Debug)]
pub(super) struct Slots<T> {
    found: Vec<Option<T>>,
}

/// A frame of a node's load child.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) node: usize,
    pub(super) name: &'a str,
    pub(super) frame: FromChild,
    pub(super) host: Option<NodeHost>,
}

/// What a frame leads to.
#[derive(Debug)]
pub(super) enum Gathered {
    /// Others have to answer too.
    Waiting,
    /// All nodes have passed the same second or slice.
    Passed(FromChild),
    /// All nodes have answered.
    Complete(FromChild),
    /// It is not an answer to the command.
    Unexpected,
}

impl<T> Slots<T> {
    pub(super) fn new(nodes: usize) -> Self {
        Self { found: (0..nodes).map(|_| None).collect() }
    }

    /// Adds the value of a node. Returns all of them when it was the last one.
    pub(super) fn put(&mut self, node: usize, value: T) -> Option<Vec<T>> {
        *self.found.get_mut(node)? = Some(value);
        if self.found.iter().all(Option::is_some) { Some(self.found.drain(..).flatten().collect()) } else { None }
    }
}

impl Gather {
    /// Begins to collect the answers to `command`; `None` if it has none. The clocks are those of a trial.
    pub(super) fn new(command: &ToChild, nodes: usize, clocks: Vec<NodeClock>) -> Option<Self> {
        Some(match command {
            ToChild::Open(_) => Self::Opened(Slots::new(nodes)),
            ToChild::Preflight(_) => Self::Preflighted(Slots::new(nodes)),
            ToChild::Handshakes { .. } => Self::Handshaken(Slots::new(nodes)),
            ToChild::Trial(order) => Self::Trial(Box::new(Trial {
                clocks,
                parts: Slots::new(nodes),
                seconds: SecondsMerger::new(nodes),
                has_slices: order.slice.is_some(),
            })),
            ToChild::Job(_) | ToChild::Stop => return None,
        })
    }

    /// Takes a frame.
    pub(super) fn take(&mut self, received: Received<'_>) -> Gathered {
        let Received { node, name, frame, host } = received;
        let merged = match (self, frame) {
            (Self::Opened(slots), FromChild::Opened(opened)) => {
                slots.put(node, opened).and_then(|all| merge_opened(&all)).map(FromChild::Opened)
            }
            (Self::Preflighted(slots), FromChild::Preflighted(preflight)) => {
                slots.put(node, preflight).and_then(|all| merge_preflights(&all)).map(FromChild::Preflighted)
            }
            (Self::Handshaken(slots), FromChild::Handshaken(handshakes)) => {
                let all = slots.put(node, *handshakes);
                all.map(|all| FromChild::Handshaken(Box::new(merge_handshakes(&all))))
            }
            (Self::Trial(trial), FromChild::DetailedSecond(detail)) => {
                let second = trial.seconds.feed(node, *detail).map(FromChild::Second);
                return second.map_or(Gathered::Waiting, Gathered::Passed);
            }
            (Self::Trial(trial), FromChild::DetailedSlice(detail)) => {
                let slice = trial.seconds.feed_slice(node, *detail);
                return slice.map_or(Gathered::Waiting, |slice| Gathered::Passed(FromChild::Slice(Box::new(slice))));
            }
            (Self::Trial(trial), FromChild::Done(facts)) => {
                let Some(host) = host else { return Gathered::Unexpected };
                trial.done(node, name, *facts, host).map(|facts| FromChild::Done(Box::new(facts)))
            }
            _ => return Gathered::Unexpected,
        };
        merged.map_or(Gathered::Waiting, Gathered::Complete)
    }
}

impl Trial {
    /// Adds the report of a node. Returns the sum when it was the last one.
    fn done(&mut self, node: usize, name: &str, mut facts: LoadFacts, host: NodeHost) -> Option<LoadFacts> {
        let clock = *self.clocks.get(node)?;
        let own = node_trial(&facts, node as u64, name, clock, host);
        shift_facts(&mut facts, clock.offset_ns.saturating_neg());
        let (parts, nodes): (Vec<_>, Vec<_>) = self.parts.put(node, (facts, own))?.into_iter().unzip();
        let seconds = std::mem::replace(&mut self.seconds, SecondsMerger::new(0));
        // With slices, the seconds were sent as they passed.
        let seconds = if self.has_slices { Vec::new() } else { seconds.into_seconds() };
        Some(LoadFacts { nodes, ..merge(&parts, seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_the_nodes_when_the_last_is_there() {
        let mut slots = Slots::new(3);
        assert_eq!(slots.put(2, 'c'), None);
        assert_eq!(slots.put(0, 'a'), None);
        assert_eq!(slots.put(7, 'x'), None, "no such node");
        assert_eq!(slots.put(1, 'b'), Some(vec!['a', 'b', 'c']));
        assert_eq!(slots.put(1, 'b'), None);
    }
}
