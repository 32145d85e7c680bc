//! Passes the commands of control on to all nodes, and their merged answers back. Every command has exactly one answer.
//!
//! A session is one instance: from a job to its stop. When a node is lost in it, or a load child fails, the load of all nodes ends, and every
//! further command of the session is answered by that. Nothing of a part of the nodes is ever reported.
//!
//! While an agent watches the target in a pod, what it found is sent before the end of each trial. Its loss ends no session.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncWrite, Lines};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::agents::Agents;
use super::control::{Command, Control};
use super::gather::{Gather, Gathered, Received, Slots};
use super::lead::earliest;
use super::session::{Event, Events, Session};
use super::state::State;
use crate::clock::Estimate;
use crate::message::ToNode;
use crate::pod::{PodAnswer, PodCommand};
use harness_base::clock::Mono;
use harness_load::frames::{FromChild, Job, ToChild, TrialOrder};
use harness_load::lost::{LostNode, LostWhy};
use harness_load::nodes::{NodeClock, NodeHost};
use harness_load::shift::shift_order;
use harness_load::split::{split_job, split_order};
use harness_load::stripe::Stripe;

/// How many clocks are measured at the same time.
const MEASURED_AT_ONCE: usize = 8;

#[derive(Debug)]
pub(super) struct Conductor<A> {
    nodes: Vec<Session>,
    events: Events,
    control: Control<A>,
    agents: Agents,
    /// The number of the current session, or of the next one.
    session: u64,
    state: State,
    /// When all nodes of the session were ready.
    barrier: Option<Mono>,
    /// The first node whose connection was lost. It does not come back.
    lost: Option<LostNode>,
    /// Each measurement of a clock takes one.
    turns: Arc<Semaphore>,
}

impl<A: AsyncWrite + Unpin> Conductor<A> {
    pub(super) fn new(nodes: Vec<Session>, events: Events, agents: Agents, control: Control<A>) -> Self {
        let turns = Arc::new(Semaphore::new(MEASURED_AT_ONCE));
        Self { nodes, events, control, agents, session: 1, state: State::Idle, barrier: None, lost: None, turns }
    }

    /// Serves control until `commands` ends. Then it sends nodes and agents the end of the run.
    pub(super) async fn run<C: AsyncBufRead + Unpin>(mut self, mut commands: Lines<C>) -> io::Result<()> {
        let ended = loop {
            let served = tokio::select! {
                line = commands.next_line() => match line {
                    Ok(Some(line)) => self.obey(&line).await,
                    // A pipe that fails has ended, too.
                    Ok(None) | Err(_) => break Ok(()),
                },
                Some(event) = self.events.receiver.recv() => self.notice(event).await,
                answer = self.agents.next() => self.report(answer).await,
            };
            if let Err(error) = served {
                break Err(error);
            }
        };
        let mut endings = JoinSet::new();
        self.nodes.into_iter().for_each(|node| drop(endings.spawn(node.end())));
        endings.spawn(self.agents.end());
        while endings.join_next().await.is_some() {}
        ended
    }

    /// Carries out a command.
    async fn obey(&mut self, line: &str) -> io::Result<()> {
        match self.control.command(line) {
            Ok(Command::Load(command)) => self.load(*command).await,
            Ok(Command::Pod(command)) => self.ask(command).await,
            Err(error) => self.refuse(format!("the command cannot be parsed: {error}")).await,
        }
    }

    /// Carries out a command about the pod, which changes no session.
    async fn ask(&mut self, command: PodCommand) -> io::Result<()> {
        let answer = match self.state {
            State::Idle => self.agents.obey(command),
            _ => {
                Some(PodAnswer::Failed { message: "the agent of the pod is not asked while a job is open".to_owned() })
            }
        };
        self.control.beside(answer).await
    }

    /// Carries out a command for the load children.
    async fn load(&mut self, command: ToChild) -> io::Result<()> {
        match (command, &self.state) {
            (ToChild::Stop, _) => {
                self.halt();
                (self.state, self.barrier) = (State::Idle, None);
                Ok(())
            }
            (_, State::Failed(answer)) => self.control.answer(answer.clone()).await,
            (ToChild::Job(job), State::Idle) => self.begin(&job).await,
            (_, State::Idle) => self.refuse("the first command must be a job".to_owned()).await,
            (ToChild::Job(_), _) => self.refuse("the hub has a job already".to_owned()).await,
            (command, State::Open) => self.pass_on(command).await,
            _ => self.refuse("the command before has no answer yet".to_owned()).await,
        }
    }

    /// Begins a session.
    async fn begin(&mut self, job: &Job) -> io::Result<()> {
        if let Some(lost) = self.lost.clone() {
            let answer = FromChild::Lost(LostNode { after_ns: None, ..lost });
            self.state = State::Failed(answer.clone());
            return self.control.answer(answer).await;
        }
        self.each(|stripe, _| ToChild::Job(split_job(job, stripe)));
        self.state = State::Starting(Slots::new(self.nodes.len()));
        Ok(())
    }

    /// Passes a command on to all nodes of an open session.
    async fn pass_on(&mut self, command: ToChild) -> io::Result<()> {
        let Some(clocks) = self.nodes.iter().map(Session::clock).collect::<Option<Vec<Estimate>>>() else {
            return self.refuse("the clock of a node is not known".to_owned()).await;
        };
        let (command, start) = match command {
            ToChild::Trial(order) => {
                let start_at = order.start_at.max(earliest(&clocks, self.agents.is_wanted()));
                let order = TrialOrder { start_at, ..order };
                let refused = self.agents.watch(&order);
                self.control.beside(refused).await?;
                (ToChild::Trial(order), start_at)
            }
            other => (other, Mono::now()),
        };
        let clock = |known: &Estimate| NodeClock { offset_ns: known.offset_ns, error_ns: known.error_at(start) };
        let clocks: Vec<NodeClock> = clocks.iter().map(clock).collect();
        self.each(|stripe, node| match &command {
            ToChild::Trial(order) => {
                let mut order = split_order(order, stripe);
                shift_order(&mut order, clocks[node].offset_ns);
                ToChild::Trial(order)
            }
            ToChild::Handshakes { arm, count } => ToChild::Handshakes { arm: *arm, count: stripe.share(*count) },
            other => other.clone(),
        });
        if let Some(gather) = Gather::new(&command, self.nodes.len(), clocks) {
            self.state = State::Working(gather);
        }
        Ok(())
    }

    /// Passes on what the agent says, and then the end of the trial that waits for it.
    async fn report(&mut self, answer: PodAnswer) -> io::Result<()> {
        self.control.beside(Some(answer)).await?;
        if matches!(self.state, State::Held(_))
            && let State::Held(done) = std::mem::replace(&mut self.state, State::Open)
        {
            return self.control.answer(done).await;
        }
        Ok(())
    }

    /// Sends each node the command that `make` returns for its stripe and position.
    fn each(&self, make: impl Fn(Stripe, usize) -> ToChild) {
        let of = self.nodes.len() as u64;
        for (node, session) in self.nodes.iter().enumerate() {
            let command = Box::new(make(Stripe { index: node as u64, of }, node));
            session.send(&ToNode::Command { session: self.session, command });
        }
    }

    /// Ends the load of all nodes. Their answers that are still under way are ignored, and so is that of the agent.
    fn halt(&mut self) {
        self.agents.give_up();
        self.nodes.iter().for_each(|node| node.send(&ToNode::Stop { session: self.session }));
        self.session += 1;
    }

    /// Handles an event of a node.
    async fn notice(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Answer { node, session, host, frame } if session == self.session => {
                match serde_json::from_slice(&frame) {
                    Ok(frame) => self.receive(node, frame, host).await,
                    Err(error) => self.lose(node, LostWhy::Protocol { message: error.to_string() }).await,
                }
            }
            Event::Ended { node, session, message } if session == self.session => {
                self.lose(node, LostWhy::Child { message }).await
            }
            Event::Measured { session } if session == self.session => self.measured().await,
            Event::Lost { node, why } => self.lose(node, why).await,
            Event::Agent { node, .. } => {
                let message = "a frame of an agent".to_owned();
                self.lose(node, LostWhy::Protocol { message }).await
            }
            Event::Answer { .. } | Event::Ended { .. } | Event::Measured { .. } => Ok(()),
        }
    }

    /// Handles a frame of a load child of the session.
    async fn receive(&mut self, node: usize, frame: FromChild, host: Option<NodeHost>) -> io::Result<()> {
        if let FromChild::Failed { message } = frame {
            return self.fail(format!("{}: {message}", self.name(node))).await;
        }
        let gathered = match (&mut self.state, frame) {
            (State::Starting(ready), FromChild::Ready) => {
                if ready.put(node, ()).is_some() {
                    self.measure();
                }
                return Ok(());
            }
            (State::Working(gather), frame) => {
                let name = &self.nodes[node].facts.name;
                gather.take(Received { node, name, frame, host })
            }
            _ => Gathered::Unexpected,
        };
        match gathered {
            Gathered::Waiting => Ok(()),
            Gathered::Passed(frame) => self.control.answer(frame).await,
            Gathered::Complete(frame) if self.agents.finish() => {
                self.state = State::Held(frame);
                Ok(())
            }
            Gathered::Complete(frame) => {
                self.state = State::Open;
                self.control.answer(frame).await
            }
            Gathered::Unexpected => {
                let message = "a frame that does not answer the command".to_owned();
                self.lose(node, LostWhy::Protocol { message }).await
            }
        }
    }

    /// Measures the clocks of all nodes.
    fn measure(&mut self) {
        for (number, node) in self.nodes.iter().enumerate() {
            node.measure(number, self.session, Arc::clone(&self.turns), self.events.sender.clone());
        }
        self.state = State::Measuring(self.nodes.len());
    }

    /// Counts a clock that was measured. The last one completes the barrier.
    async fn measured(&mut self) -> io::Result<()> {
        let State::Measuring(left) = &mut self.state else { return Ok(()) };
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        self.barrier = Some(Mono::now());
        self.state = State::Open;
        self.control.answer(FromChild::Ready).await
    }

    /// Handles the loss of a node or of its load child.
    async fn lose(&mut self, node: usize, why: LostWhy) -> io::Result<()> {
        let Some(session) = self.nodes.get(node) else { return Ok(()) };
        let after_ns = self.barrier.map(|barrier| Mono::now().since(barrier).0);
        let (index, of) = (session.facts.index, self.nodes.len() as u64);
        let lost = LostNode { index, of, name: session.facts.name.clone(), why, after_ns };
        // A node that has only lost its load child can have another one.
        if self.lost.is_none() && !matches!(lost.why, LostWhy::Child { .. }) {
            self.lost = Some(lost.clone());
        }
        if matches!(self.state, State::Idle) {
            return Ok(());
        }
        self.end_session(FromChild::Lost(lost)).await
    }

    /// Answers a command that cannot be carried out, which ends the session.
    async fn refuse(&mut self, message: String) -> io::Result<()> {
        let answer = FromChild::Failed { message };
        if !matches!(self.state, State::Failed(_)) {
            self.halt();
            self.state = State::Failed(answer.clone());
        }
        self.control.answer(answer).await
    }

    /// Ends a session in which a load child has failed.
    async fn fail(&mut self, message: String) -> io::Result<()> {
        self.end_session(FromChild::Failed { message }).await
    }

    /// Ends the load of the session, unless it has failed before, and answers the command that is under way.
    async fn end_session(&mut self, answer: FromChild) -> io::Result<()> {
        if matches!(self.state, State::Failed(_)) {
            return Ok(());
        }
        self.halt();
        let is_asked = !matches!(self.state, State::Open);
        self.state = State::Failed(answer.clone());
        if is_asked { self.control.answer(answer).await } else { Ok(()) }
    }

    /// Names a node for people.
    fn name(&self, node: usize) -> String {
        let name = self.nodes.get(node).map_or("unknown", |node| node.facts.name.as_str());
        format!("node {} of {} ({name})", node + 1, self.nodes.len())
    }
}
