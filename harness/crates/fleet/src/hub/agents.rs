//! The agents in pods, which join after the fleet is complete. One at a time watches the target.

mod current;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::current::{Agent, Current, Step};
use super::door::{Guest, Knock, refuse};
use super::session::{Event, Events, Session};
use crate::frame::text;
use crate::hello::{Refusal, Reply, Role, Welcome, shown};
use crate::order::NodeFacts;
use crate::pod::{PodAnswer, PodCommand};
use harness_base::clock::Mono;
use harness_load::frames::TrialOrder;
use harness_load::lost::LostWhy;

/// What is known of the machines of hub and nodes.
#[derive(Debug, Default)]
pub(super) struct Machines {
    /// Identifies the start of the kernel of the hub's machine.
    pub(super) boot: Option<String>,
    /// The same of each node's machine.
    pub(super) nodes: Vec<Option<String>>,
    /// The hub's clock − that of control, in nanoseconds.
    pub(super) hub_ahead_ns: i64,
}

/// All agents that have joined.
#[derive(Debug)]
pub(super) struct Agents {
    knocks: UnboundedReceiver<Knock>,
    events: Events,
    machines: Machines,
    /// The newest agent of each name that was not asked for yet.
    joined: BTreeMap<String, Agent>,
    /// How many have joined so far.
    number: usize,
    current: Current,
    turns: Arc<Semaphore>,
    /// Agents to which the end of the run is being sent.
    endings: JoinSet<()>,
}

impl Agents {
    pub(super) fn new(knocks: UnboundedReceiver<Knock>, machines: Machines) -> Self {
        Self {
            knocks,
            events: Events::default(),
            machines,
            joined: BTreeMap::new(),
            number: 0,
            current: Current::None,
            turns: Arc::new(Semaphore::new(1)),
            endings: JoinSet::new(),
        }
    }

    /// Begins to carry out a command. Returns the answer if it is known already.
    pub(super) fn obey(&mut self, command: PodCommand) -> Option<PodAnswer> {
        match command {
            PodCommand::Begin { agent, order, wait } => {
                self.dismiss();
                let (name, latest) = (shown(&agent), Mono::now().after(wait));
                self.current = Current::Awaited { name, order, wait, latest };
                self.call();
                None
            }
            PodCommand::Sample { start, end } => {
                let refused = self.current.sample(start, end);
                if refused.is_none() {
                    self.current.finish();
                }
                refused
            }
            PodCommand::End => match self.dismiss() {
                Current::Lost { message } => Some(PodAnswer::Failed { message }),
                _ => Some(PodAnswer::Ended),
            },
        }
    }

    /// Returns whether control has asked for an agent, and has not ended it.
    pub(super) const fn is_wanted(&self) -> bool {
        !matches!(self.current, Current::None)
    }

    /// Has the window of a trial sampled if an agent is wanted; instants are by the hub's clock. Returns the answer if it cannot be.
    pub(super) fn watch(&mut self, order: &TrialOrder) -> Option<PodAnswer> {
        if !self.is_wanted() {
            return None;
        }
        let begin = order.start_at.after(order.ramp).after(order.warmup);
        self.current.sample(begin, begin.after(order.window))
    }

    /// Tells the agent that the load of its window is over. Returns whether its answer is to be awaited.
    pub(super) fn finish(&mut self) -> bool {
        self.current.finish()
    }

    /// Gives up a window: its answer is ignored.
    pub(super) fn give_up(&mut self) {
        self.current.give_up();
    }

    /// Waits for the next answer to control. The future can be dropped and created again.
    pub(super) async fn next(&mut self) -> PodAnswer {
        loop {
            let latest = self.current.latest();
            let answer = tokio::select! {
                Some(knock) = self.knocks.recv() => {
                    self.let_in(knock);
                    None
                }
                Some(event) = self.events.receiver.recv() => self.notice(event),
                () = until(latest) => self.current.be_late(),
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
    }

    /// Sends all agents the end of the run, and waits shortly until it is sent.
    pub(super) async fn end(mut self) {
        self.dismiss();
        for agent in self.joined.into_values() {
            self.endings.spawn(agent.session.end());
        }
        while self.endings.join_next().await.is_some() {}
    }

    /// Ends the current agent, if it is present. Returns what else there was.
    fn dismiss(&mut self) -> Current {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::Present { agent, .. } => {
                self.endings.spawn(agent.session.end());
                Current::None
            }
            other => other,
        }
    }

    /// Lets an agent in. The fleet has no place for further nodes.
    fn let_in(&mut self, knock: Knock) {
        // Who was refused before was told so.
        let Knock::Guest(guest) = knock else { return };
        let Guest { peer, hello, stream } = *guest;
        if hello.role == Role::Node {
            tokio::spawn(refuse(stream, Refusal::Full));
            return;
        }
        self.number += 1;
        let (number, boot) = (self.number, hello.about.boot.clone());
        let facts = NodeFacts::of(hello.about, 0, peer.ip(), self.machines.boot.as_deref());
        let name = facts.name.clone();
        let welcome = text(&Reply::Welcome(Welcome { index: 0, of: 1 }));
        let session = Session::start(stream, number, (facts, boot), Some(welcome), self.events.sender.clone());
        let agent = Agent { number, session, hub_ahead_ns: self.machines.hub_ahead_ns, windows: 0 };
        self.joined.insert(name, agent);
        self.call();
    }

    /// Begins with the agent that is awaited, if it has joined.
    fn call(&mut self) {
        let Current::Awaited { name, order, .. } = &self.current else { return };
        let Some(agent) = self.joined.remove(name) else { return };
        let (turns, events) = (Arc::clone(&self.turns), self.events.sender.clone());
        agent.session.measure(agent.number, agent.number as u64, turns, events);
        self.current = Current::Present { agent, step: Step::Measuring(order.clone()) };
    }

    /// Handles an event of an agent.
    fn notice(&mut self, event: Event) -> Option<PodAnswer> {
        match event {
            Event::Agent { node, message } => {
                let mut answer = self.current.hear(node, *message);
                if let Some(PodAnswer::Started(started)) = &mut answer {
                    started.on_host = self.machines.nodes_on(started.about.boot.as_deref());
                }
                answer
            }
            Event::Measured { session } => {
                self.current.begin(session);
                None
            }
            Event::Lost { node, why } => self.lose(node, &why),
            Event::Answer { node, .. } | Event::Ended { node, .. } => {
                let message = "a frame of a load child".to_owned();
                self.lose(node, &LostWhy::Protocol { message })
            }
        }
    }

    fn lose(&mut self, number: usize, why: &LostWhy) -> Option<PodAnswer> {
        self.joined.retain(|_, agent| agent.number != number);
        self.current.lose(number, why)
    }
}

impl Machines {
    /// Returns the indexes of the nodes under the kernel that `boot` identifies.
    fn nodes_on(&self, boot: Option<&str>) -> Vec<u64> {
        let here = self.nodes.iter().zip(0..).filter(|(node, _)| boot.is_some() && node.as_deref() == boot);
        here.map(|(_, index)| index).collect()
    }
}

/// Waits until an instant; forever without one.
async fn until(latest: Option<Mono>) {
    match latest {
        Some(latest) => sleep(latest.remaining().duration()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_on_the_machine_of_an_agent_only_if_both_kernels_are_known() {
        let nodes = ["a", "b", "a"].map(|boot| Some(boot.to_owned()));
        let machines = Machines { nodes: [&nodes[..], &[None]].concat(), ..Machines::default() };
        assert_eq!(machines.nodes_on(Some("a")), [0, 2]);
        assert!(machines.nodes_on(Some("c")).is_empty() && machines.nodes_on(None).is_empty());
    }
}
