//! Starts the hub of a fleet, waits until its nodes have joined, and keeps the way to it between two instances.

#[cfg(feature = "kubernetes")]
pub(crate) mod follower;
#[cfg(not(feature = "kubernetes"))]
#[path = "fleet/without_follower.rs"]
pub(crate) mod follower;
mod hub;
#[cfg(feature = "kubernetes")]
pub(crate) mod kubernetes;
#[cfg(not(feature = "kubernetes"))]
#[path = "fleet/without_kubernetes.rs"]
pub(crate) mod kubernetes;
pub(crate) mod placed;
mod placing;
mod swarm;
pub(crate) mod trouble;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::Event;
use super::halt::Halt;
use super::interrupt::Interrupt;
use crate::measure::fleet::FleetFacts;
use crate::measure::reason::Problem;
use crate::measure::{Failure, Reason};
use crate::plan::Plan;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_fleet::order::{HubOrder, NodeFacts};
use harness_fleet::pod::{PodAnswer, PodCommand, ToHub};
use harness_fleet::secret::{HUB_VARIABLE, HubSecret};
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_load::lost::{LostNode, LostWhy};
use harness_load::{Generator, Streams};
use harness_rig::environment;
use harness_rig::target::Site;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use hub::Hub;
use kubernetes::OnKubernetes;
use placing::Placing;
use swarm::OnSwarm;
use trouble::Trouble;
use waiting::{Seen, Waiting};

/// The time in which a hub takes the command to end an instance.
const RELEASE: Duration = Duration::from_secs(1);

/// A fleet whose nodes have joined.
#[derive(Debug)]
pub(crate) struct Fleet {
    hub: Hub,
    facts: FleetFacts,
    state: Mutex<State>,
    /// What the engine runs for it; absent once it was removed.
    placing: Mutex<Option<Placing>>,
    /// Where the targets are pods; absent for other targets.
    pods: Option<Arc<OnKubernetes>>,
}

/// Who has the way to the hub.
#[derive(Debug)]
enum State {
    Idle(Streams),
    /// An instance has it.
    Busy,
    /// A node is gone, so that no further load is that of the whole fleet.
    Lost(Box<Reason>),
    Over,
}

/// Starts the fleet of a plan and waits until all of its nodes have joined; `None` if the plan has no fleet.
///
/// # Errors
/// Returns [`Halt::Failed`] with the reason if the nodes do not join, or [`Halt::Interrupted`]. Everything has been stopped then.
pub(crate) async fn start(
    plan: &Plan,
    (site, run_id): (&Site, &str),
    interrupt: &Interrupt,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<Option<Arc<Fleet>>, Halt> {
    let Some(spec) = &plan.fleet else { return Ok(None) };
    let secret = secret(spec).map_err(|trouble| Halt::tooling(&trouble))?;
    let (hub, placing) = begin((plan, spec), (site, run_id), interrupt, events).await?;
    let pods = match &placing {
        Placing::Kubernetes(pods) => Some(Arc::clone(pods)),
        Placing::Joined | Placing::Swarm(_) => None,
    };
    let mut waiting = Waiting { spec, site, run_id, node_secret: secret.node(), placing, joined: 0 };
    let order = HubOrder {
        listen: spec.listen,
        nodes: spec.nodes,
        secret: secret.text(),
        wait: spec.wait,
        run_id: run_id.to_owned(),
        now: None,
    };
    drop(secret);
    let assembled = interrupt.or(assemble(&hub, order, &mut waiting, events)).await;
    let failed = match assembled {
        Ok(Ok((streams, nodes))) => {
            let (state, placing) = (Mutex::new(State::Idle(streams)), Mutex::new(Some(waiting.placing)));
            return Ok(Some(Arc::new(Fleet { hub, facts: facts(spec, nodes), state, placing, pods })));
        }
        Ok(Err(trouble)) => {
            let trouble = waiting.explained(trouble).await;
            Halt::from(Failure::of(&trouble, Exit::Usage).with_log(hub.log_tail()))
        }
        Err(halt) => halt,
    };
    hub.stop().await;
    waiting.placing.remove().await;
    Err(failed)
}

/// Starts the hub, and prepares the engine that will place the nodes.
async fn begin(
    (plan, spec): (&Plan, &FleetSpec),
    (site, run_id): (&Site, &str),
    interrupt: &Interrupt,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<(Hub, Placing), Halt> {
    let halted = |trouble: Trouble| Halt::tooling(&trouble);
    match spec.engine {
        FleetEngine::Joined => Ok((Hub::start(site).map_err(halted)?, Placing::Joined)),
        FleetEngine::Swarm => {
            let swarm = interrupt.or(OnSwarm::prepare(spec, site, events)).await?.map_err(halted)?;
            Ok((Hub::start(site).map_err(halted)?, Placing::Swarm(swarm)))
        }
        FleetEngine::Kubernetes => {
            events(Event::Doing("asking Kubernetes".to_owned()));
            // Not ended by an interrupt, after which it would not be known what was created.
            let pods = Arc::new(OnKubernetes::create(spec, plan, run_id).await.map_err(halted)?);
            for run in pods.leftovers().await {
                events(Event::Note(format!(
                    "  run {run} has left something in the cluster; remove it with: harness clean --kubernetes"
                )));
            }
            Ok((Hub::Pod(Arc::clone(&pods)), Placing::Kubernetes(pods)))
        }
    }
}

/// Takes the secret of the hub: from the environment for nodes that others start, otherwise a new one.
fn secret(spec: &FleetSpec) -> Result<HubSecret, Trouble> {
    match spec.engine {
        FleetEngine::Swarm | FleetEngine::Kubernetes => HubSecret::generate().map_err(Trouble::Unmade),
        FleetEngine::Joined => {
            let text = environment::take(HUB_VARIABLE).ok_or(Trouble::NoSecret)?;
            HubSecret::read(&text).map_err(Trouble::Secret)
        }
    }
}

/// Gives the hub its order and waits for the nodes; the order, and with it the secret, is dropped afterwards.
async fn assemble(
    hub: &Hub,
    mut order: HubOrder,
    waiting: &mut Waiting<'_>,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<(Streams, Vec<NodeFacts>), Trouble> {
    let streams = hub.streams().await?;
    // The hub in a pod has another clock.
    order.now = matches!(hub, Hub::Pod(_)).then(Mono::now);
    let (report, mut reported) = unbounded_channel();
    let joining = harness_fleet::assemble_over(streams, &order, move |event| {
        // The receiver lives as long as this.
        let _ = report.send(Seen::of(event));
    });
    let mut joining = std::pin::pin!(joining);
    loop {
        tokio::select! {
            biased;
            Some(seen) = reported.recv() => waiting.see(seen, events).await?,
            joined = &mut joining => return joined.map_err(Trouble::Assemble),
        }
    }
}

fn facts(spec: &FleetSpec, nodes: Vec<NodeFacts>) -> FleetFacts {
    let memory_bytes = spec.each.memory.map(|memory| memory.0);
    let (engine, cpus, co_located) = (spec.engine, spec.each.cpus, spec.co_located);
    FleetFacts { engine, cpus, memory_bytes, co_located, nodes }
}

impl Fleet {
    pub(crate) const fn facts(&self) -> &FleetFacts {
        &self.facts
    }

    /// Returns whether all nodes are there as far as is known, and no instance has the way to the hub.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(*self.state(), State::Idle(_))
    }

    /// Returns the process of the hub; `None` for a pod.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.hub.pid()
    }

    /// Returns what runs targets in pods; `None` for other fleets.
    pub(crate) fn pods(&self) -> Option<Arc<OnKubernetes>> {
        self.pods.clone()
    }

    /// Gives the hub a command between two instances, and waits for its answer.
    ///
    /// # Errors
    /// Returns [`Halt::Invalid`] if a node was lost before, or [`Halt::Failed`] if the hub gives no answer.
    pub(crate) async fn ask(&self, command: PodCommand, within: Nanos) -> Result<PodAnswer, Halt> {
        let mut streams = self.take()?;
        let answer: Result<Value, _> = streams.ask(&ToHub::Pod(command), within.duration()).await;
        // Without an answer, the next one would be taken for it.
        *self.state() = if answer.is_ok() { State::Idle(streams) } else { State::Over };
        let answer = answer.map_err(|error| self.failed(&error))?;
        serde_json::from_value(answer).map_err(|error| Halt::tooling(&error))
    }

    /// Takes the way to the hub for one instance.
    ///
    /// # Errors
    /// Returns [`Halt::Invalid`] if a node was lost before, or [`Halt::Failed`] if the hub has ended.
    pub(crate) fn take(&self) -> Result<Streams, Halt> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Busy) {
            State::Idle(streams) => Ok(streams),
            State::Lost(reason) => {
                *state = State::Lost(reason.clone());
                Err(Halt::Invalid(vec![*reason]))
            }
            State::Busy | State::Over => {
                *state = State::Over;
                Err(Halt::from(Failure::of(&Trouble::Over, Exit::Usage).with_log(self.hub.log_tail())))
            }
        }
    }

    /// Ends an instance, so that the next one can have the way to the hub.
    pub(crate) async fn give_back(&self, generator: Generator) {
        let released = tokio::time::timeout(RELEASE, generator.release()).await;
        let mut state = self.state();
        if matches!(*state, State::Busy) {
            *state = released.ok().and_then(Result::ok).map_or(State::Over, State::Idle);
        }
    }

    /// Notes that a node was lost during an instance, counted from 0. Returns why its stage is not valid.
    pub(crate) fn lost(&self, lost: &LostNode, instance: u32) -> Halt {
        let LostNode { index, of, name, why, after_ns } = lost;
        let reason = Reason::from(Problem::NodeLost {
            node: *index,
            of: *of,
            name: name.clone(),
            instance,
            after_ns: *after_ns,
            why: why.clone(),
        });
        // A node whose load child ended starts another one for the next instance.
        if !matches!(why, LostWhy::Child { .. }) {
            *self.state() = State::Lost(Box::new(reason.clone()));
        }
        Halt::Invalid(vec![reason])
    }

    /// Returns the failure of an instance whose hub gave a wrong answer, or none.
    pub(crate) fn failed(&self, error: &harness_load::Error) -> Halt {
        Halt::from(Failure::of(error, Exit::Usage).with_log(self.hub.log_tail()))
    }

    /// Ends the nodes and the hub, and removes what was placed.
    pub(crate) async fn end(&self) {
        // The hub ends its nodes and itself when its streams close.
        *self.state() = State::Over;
        self.hub.end().await;
        let placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(placing) = placing {
            placing.remove().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
