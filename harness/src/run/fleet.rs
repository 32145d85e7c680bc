//! Starts the hub of a fleet, waits until its nodes have joined, and keeps the way to it between two instances.

mod swarm;
mod trouble;
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
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_fleet::order::{HubOrder, NodeFacts};
use harness_fleet::secret::{HUB_VARIABLE, HubSecret};
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_load::lost::{LostNode, LostWhy};
use harness_load::{Generator, Streams};
use harness_rig::environment;
use harness_rig::keeper::{Child, Command, clean_env};
use harness_rig::target::Site;
use tokio::sync::mpsc::unbounded_channel;

use swarm::OnSwarm;
use trouble::Trouble;
use waiting::{Seen, Waiting};

/// Time between SIGTERM and SIGKILL for the hub.
const PATIENCE: Nanos = Nanos::from_secs(1);
/// The time in which a hub without control ends its nodes and itself.
const ENDING: Duration = Duration::from_secs(3);
/// The time in which a hub takes the command to end an instance.
const RELEASE: Duration = Duration::from_secs(1);
/// Number of log lines that a failure contains.
const LINES: usize = 8;

/// A fleet whose nodes have joined.
#[derive(Debug)]
pub(crate) struct Fleet {
    hub: Child,
    facts: FleetFacts,
    state: Mutex<State>,
    /// What Docker Swarm runs for it; absent for nodes that others started.
    placed: Mutex<Option<OnSwarm>>,
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
    let swarm = match spec.engine {
        FleetEngine::Joined => None,
        FleetEngine::Swarm => {
            let prepared = interrupt.or(OnSwarm::prepare(spec, site, events)).await?;
            Some(prepared.map_err(|trouble| Halt::tooling(&trouble))?)
        }
    };
    let hub = site.keeper.spawn(command(site)).map_err(|error| Halt::tooling(&error))?;
    let mut waiting = Waiting { spec, site, run_id, node_secret: secret.node(), swarm, joined: 0 };
    let order = HubOrder {
        listen: spec.listen,
        nodes: spec.nodes,
        secret: secret.text(),
        wait: spec.wait,
        run_id: run_id.to_owned(),
    };
    drop(secret);
    let assembled = interrupt.or(assemble(&hub, order, &mut waiting, events)).await;
    let failed = match assembled {
        Ok(Ok((streams, nodes))) => {
            let (state, placed) = (Mutex::new(State::Idle(streams)), Mutex::new(waiting.swarm));
            return Ok(Some(Arc::new(Fleet { hub, facts: facts(spec, nodes), state, placed })));
        }
        Ok(Err(trouble)) => {
            let trouble = waiting.explained(trouble).await;
            Halt::from(Failure::of(&trouble, Exit::Usage).with_log(hub.log_tail(LINES)))
        }
        Err(halt) => halt,
    };
    hub.stop(PATIENCE).await;
    if let Some(swarm) = waiting.swarm {
        swarm.remove().await;
    }
    Err(failed)
}

/// Takes the secret of the hub: from the environment for nodes that others start, otherwise a new one.
fn secret(spec: &FleetSpec) -> Result<HubSecret, Trouble> {
    match spec.engine {
        FleetEngine::Swarm => HubSecret::generate().map_err(Trouble::Unmade),
        FleetEngine::Joined => {
            let text = environment::take(HUB_VARIABLE).ok_or(Trouble::NoSecret)?;
            HubSecret::read(&text).map_err(Trouble::Secret)
        }
    }
}

fn command(site: &Site) -> Command {
    let argv = vec![site.exe.to_string_lossy().into_owned(), "__hub".to_owned()];
    let log = site.logs.join("fleet-hub.log");
    let mut command = Command::new("fleet hub", argv, clean_env(&site.scratch, &[]), site.scratch.clone(), log);
    command.pipes = true;
    command
}

/// Gives the hub its order and waits for the nodes; the order, and with it the secret, is dropped afterwards.
async fn assemble(
    hub: &Child,
    order: HubOrder,
    waiting: &mut Waiting<'_>,
    events: &mut (dyn FnMut(Event) + Send),
) -> Result<(Streams, Vec<NodeFacts>), Trouble> {
    let (stdin, stdout) = hub.take_pipes().ok_or(Trouble::NoPipes)?;
    let (report, mut reported) = unbounded_channel();
    let joining = harness_fleet::assemble(stdin, stdout, &order, move |event| {
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
    FleetFacts { engine: spec.engine, cpus: spec.each.cpus, memory_bytes, nodes }
}

impl Fleet {
    pub(crate) const fn facts(&self) -> &FleetFacts {
        &self.facts
    }

    pub(crate) const fn pid(&self) -> i32 {
        self.hub.pid
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
                Err(Halt::from(Failure::of(&Trouble::Over, Exit::Usage).with_log(self.hub.log_tail(LINES))))
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
        Halt::from(Failure::of(error, Exit::Usage).with_log(self.hub.log_tail(LINES)))
    }

    /// Ends the nodes and the hub, and removes what was placed.
    pub(crate) async fn end(&self) {
        // The hub ends its nodes and itself when its pipes close.
        *self.state() = State::Over;
        let _late = tokio::time::timeout(ENDING, self.hub.wait()).await;
        self.hub.stop(PATIENCE).await;
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(placed) = placed {
            placed.remove().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
