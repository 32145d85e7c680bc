//! Runs an instance whose target is in a pod. The agent in the pod samples it, and the hub passes on what the agent reports.

mod scenario;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Bench;
use super::alive::alive;
use super::launch::launch_halt;
use super::relays::Relays;
use crate::measure::reason::{Cause, When};
use crate::measure::trial::Build;
use crate::measure::{Ending, Failure, LaunchRecord, Reading, ResourceLimits, Series};
use crate::run::engine::Engine;
use crate::run::fleet::Fleet;
use crate::run::fleet::follower::Follower;
use crate::run::fleet::kubernetes::OnKubernetes;
use crate::run::fleet::placed::Placed;
use crate::run::fleet::trouble::Trouble;
use crate::run::halt::Halt;
use crate::run::interrupt::Interrupt;
use crate::run::ledger::{self, Count};
use crate::run::limits;
use crate::run::rig::Rig;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_fleet::hello::About;
use harness_fleet::pod::{AgentOrder, CameUp, PodAnswer, PodCommand, Sampled, Started, Up};
use harness_load::spec::Request;
use harness_rig::launch::PodFacts;
use harness_rig::sampler::{Sampler, Watched, Window};
use harness_rig::target::spec::Upstream;
use harness_rig::target::{Elsewhere, Running, RunningUpstream, endpoints_in_pod, url_host};
use serde_json::Value;

use scenario::{asked, direct, in_force};

/// The hub answers this long after what it waits for.
const ANSWER: Nanos = Nanos::from_secs(15);
/// The time in which an agent joins once its container runs.
const JOINING: Nanos = Nanos::from_secs(30);
/// The time in which Kubernetes reports how a container ended.
const REPORTED: Duration = Duration::from_secs(5);
/// The pause between two looks at this report.
const PAUSE: Duration = Duration::from_millis(50);

/// The pod of an instance.
pub(super) struct Pod {
    fleet: Arc<Fleet>,
    place: Arc<OnKubernetes>,
    name: String,
    /// What Kubernetes reports of it; absent until its target is ready.
    follower: Option<Arc<Follower>>,
    /// The readings around the launch, until a stage takes them.
    readings: Series<Reading>,
    /// The window that was announced, of a stage without load.
    window: Option<(Mono, Mono)>,
    /// Whether the upstream in it is the bundled one, which counts its hits.
    counts_hits: bool,
    /// What the agent reported of the last trial.
    sampled: Option<Sampled>,
    /// Indexes of the nodes on the machine of the pod.
    on_host: Vec<u64>,
    /// CPUs that the target may use.
    cpus: f64,
    /// The limits that the scenario asks for.
    limits: ResourceLimits,
}

impl Bench {
    /// Starts the pod of an instance, and the load if the stage has one.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] with the cause, [`Halt::Invalid`] if a node was lost, or [`Halt::Interrupted`].
    pub(super) async fn in_pod(
        rig: &mut Rig<'_>,
        stage: &Stage,
        (index, name): (u32, &str),
        work: Option<&LoadWork>,
    ) -> Result<Self, Halt> {
        let (pod, target, launch) = Pod::start(rig, stage, name).await?;
        let direct = direct(stage, &target);
        let begun = match (work, direct) {
            (Some(work), Ok(direct)) => {
                let (proxy, upstream) = (&target.endpoints.proxy, direct.as_ref());
                Engine::start(rig, stage, work, (name, index), proxy, upstream)
                    .await
                    .map(|engine| (Some(engine), direct))
            }
            (None, direct) => direct.map(|direct| (None, direct)),
            (_, Err(halt)) => Err(halt),
        };
        let (engine, behind) = match begun {
            Ok(begun) => begun,
            Err(halt) => {
                pod.end().await;
                return Err(halt);
            }
        };
        let watched = Watched::default();
        let sampler = Sampler::start(watched.clone()).map_err(|error| Halt::tooling(&error))?;
        rig.recorder.instance_begun(index, Build::Head, launch.clone(), pod.limits);
        Ok(Self {
            index,
            build: Build::Head,
            upstream: behind.clone().map(|url| RunningUpstream { url, running: None, admin: None }),
            admin: None,
            foreign: None,
            relays: Relays::default(),
            behind,
            target,
            stopped: None,
            engine,
            sampler,
            pending: None,
            target_cpus: pod.cpus,
            on_host: pod.on_host.clone(),
            nodes_at: pod.fleet.facts().addresses(),
            pod: Some(pod),
            launch,
            of_two: None,
            before: None,
            watched,
        })
    }

    /// Returns the window that a trial announced, once its load is over.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target in a pod has ended, or its agent is lost.
    pub(crate) async fn sampled(&mut self) -> Result<Window, Halt> {
        let Some(pod) = &mut self.pod else { return Ok(self.window().await) };
        let reported = self.engine.as_mut().map(|engine| engine.generator.take_beside()).unwrap_or_default();
        pod.take(reported.into_iter().next_back(), &self.target).await
    }

    /// Returns what the bundled upstream in a pod had counted before and after the last trial; `None` for another one.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the counts cannot be read.
    pub(crate) fn counted(&self, requests: &[Request]) -> Result<Option<(Count, Count)>, Halt> {
        let counting = self.pod.as_ref().filter(|pod| pod.counts_hits).and_then(|pod| pod.sampled.as_ref());
        let Some(Sampled { before, after, clock_offset_ns, .. }) = counting else { return Ok(None) };
        let count = |value: &Option<Value>| match value {
            Some(value) => ledger::read(value, requests, *clock_offset_ns).map_err(|error| Halt::tooling(&error)),
            None => {
                Err(Halt::tool("the hits of the bundled upstream in the pod could not be read by the agent beside it"))
            }
        };
        Ok(Some((count(before)?, count(after)?)))
    }

    /// Returns from which addresses the upstream in a pod was reached in the last trial; `None` for another one.
    pub(crate) fn peers(&self) -> Option<&[IpAddr]> {
        self.pod.as_ref()?.sampled.as_ref().map(|sampled| sampled.peers.as_slice())
    }
}

impl Pod {
    /// Starts the pod, and waits until the target in it is ready.
    async fn start(rig: &Rig<'_>, stage: &Stage, name: &str) -> Result<(Self, Running, LaunchRecord), Halt> {
        let pods = rig.fleet.as_ref().and_then(|fleet| Some((Arc::clone(fleet), fleet.pods()?)));
        let (fleet, place) =
            pods.ok_or_else(|| Halt::tool("a target in a pod needs [fleet] with engine = \"kubernetes\""))?;
        let placed = rig.interrupt.or(place.start_target(rig.plan, stage, name)).await?;
        let placed = placed.map_err(|trouble| not_placed(&trouble))?;
        let own = Self {
            fleet,
            place,
            name: name.to_owned(),
            follower: None,
            readings: Series::default(),
            window: None,
            counts_hits: matches!(stage.upstream, Some(Upstream::Builtin(_))),
            sampled: None,
            on_host: Vec::new(),
            cpus: 1.0,
            limits: asked(rig, stage),
        };
        match own.come_up(rig, placed).await {
            Ok(started) => Ok(started),
            Err((own, halt)) => {
                own.end().await;
                Err(halt)
            }
        }
    }

    /// Lets the agent await the target.
    async fn come_up(mut self, rig: &Rig<'_>, placed: Placed) -> Result<(Self, Running, LaunchRecord), (Self, Halt)> {
        let found = match self.started(rig, &placed).await {
            Ok(started) => endpoints_in_pod(&rig.plan.target.endpoints, &url_host(placed.address))
                .map(|endpoints| (started, endpoints))
                .map_err(|error| launch_halt(&error)),
            Err(halt) => Err(halt),
        };
        let ((up, about, on_host), endpoints) = match found {
            Ok(found) => found,
            Err(halt) => return Err((self, halt)),
        };
        self.cpus = up.limits.cpus.map_or(about.cpus, |limit| limit.min(about.cpus));
        self.on_host = on_host;
        let launch = launch_of(&up, placed.facts);
        self.readings = up.readings;
        let follower = Arc::clone(&placed.follower);
        self.follower = Some(placed.follower);
        let watched = Elsewhere::new(move || follower.ended());
        let target = Running::elsewhere(endpoints, up.program, up.spawned, watched);
        Ok((self, target, launch))
    }

    /// Waits until the target is ready. Returns what its agent found, the machine, and the nodes on it.
    async fn started(&self, rig: &Rig<'_>, placed: &Placed) -> Result<(Up, About, Vec<u64>), Halt> {
        let order = AgentOrder { target: placed.id.clone() };
        let begin = PodCommand::Begin { agent: self.place.agent(&self.name), order, wait: JOINING };
        let within = rig.plan.target.deadline.plus(JOINING).plus(ANSWER);
        let Started { about, on_host, came_up } = match rig.interrupt.or(self.fleet.ask(begin, within)).await?? {
            PodAnswer::Started(started) => *started,
            other => return Err(unexpected(other)),
        };
        match came_up {
            CameUp::Up(up) => in_force(&self.limits, &up).map(|()| (*up, about, on_host)),
            CameUp::Failed { message, ended } => {
                let known = if ended { reported(|| placed.follower.ended()).await } else { None };
                let causes = known.map(|ending| format!("the target {ending}")).into_iter().chain([message]).collect();
                let tail = self.place.log_tail(&self.name, &placed.container).await;
                Err(Halt::from(Failure::new(Cause::Error(causes), Exit::TargetFailed).with_log(tail)))
            }
        }
    }

    /// Takes the readings around the launch.
    pub(super) fn launch_readings(&mut self) -> Series<Reading> {
        std::mem::take(&mut self.readings)
    }

    pub(super) const fn announce(&mut self, start: Mono, end: Mono) {
        self.window = Some((start, end));
    }

    /// Samples the window that was announced, without load.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target has ended, or the agent is lost, or [`Halt::Interrupted`].
    pub(super) async fn watch(&mut self, interrupt: &Interrupt, target: &Running) -> Result<Window, Halt> {
        let Some((start, end)) = self.window.take() else { return Ok(Window::default()) };
        let within = end.remaining().plus(ANSWER);
        let asked = alive(target, self.fleet.ask(PodCommand::Sample { start, end }, within));
        let answer = interrupt.or(asked).await???;
        self.settle(answer, target).await
    }

    /// Takes what the hub passed on beside a trial.
    async fn take(&mut self, reported: Option<Value>, target: &Running) -> Result<Window, Halt> {
        let Some(reported) = reported else {
            return Err(Halt::tool("the agent of the pod reported nothing of a trial"));
        };
        let answer = serde_json::from_value(reported).map_err(|error| Halt::tooling(&error))?;
        self.settle(answer, target).await
    }

    async fn settle(&mut self, answer: PodAnswer, target: &Running) -> Result<Window, Halt> {
        match answer {
            PodAnswer::Sampled(sampled) if sampled.target_ended => {
                limits::none_killed(&sampled.readings, &self.limits)?;
                Err(ended(reported(|| target.ended()).await.unwrap_or(Ending::Unknown)))
            }
            PodAnswer::Sampled(sampled) => {
                let Sampled { readings, peak_rss_bytes, target_threads, .. } = sampled.as_ref().clone();
                self.sampled = Some(*sampled);
                Ok(Window { readings, peak_rss_bytes, target_threads })
            }
            // A pod that was killed takes its agent with it.
            PodAnswer::Failed { message } => {
                Err(reported(|| target.ended()).await.map_or_else(|| Halt::tool(message), ended))
            }
            other => Err(unexpected(other)),
        }
    }

    /// Removes the pod, and with it the agent. Returns what Kubernetes reported last.
    pub(super) async fn end(&self) -> Option<Box<PodFacts>> {
        let facts = self.follower.as_ref().and_then(|follower| follower.facts());
        // An agent that ended before its pod would be started again.
        self.place.end_target(&self.name).await;
        // The hub forgets the agent. Without an answer, it does so when the next one begins.
        let _late = self.fleet.ask(PodCommand::End, ANSWER).await;
        facts.map(Box::new)
    }
}

fn launch_of(up: &Up, facts: PodFacts) -> LaunchRecord {
    LaunchRecord {
        spawned: up.spawned,
        listening_ns: Some(up.listening_ns).filter(|_| !up.is_late),
        healthy_ns: up.healthy_ns.filter(|_| !up.is_late),
        ready_ns: up.ready_ns.filter(|_| !up.is_late),
        probe_gap_ns: up.probe_gap_ns,
        attempts: 1,
        network: Some("pod".to_owned()),
        pod: Some(Box::new(facts)),
        ..LaunchRecord::default()
    }
}

/// Waits until Kubernetes tells how the target ended; `None` if it does not, because the target lives.
async fn reported(told: impl Fn() -> Option<Ending>) -> Option<Ending> {
    let reported = async {
        loop {
            if let Some(ending) = told() {
                break ending;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(REPORTED, reported).await.ok()
}

fn ended(ending: Ending) -> Halt {
    Failure::new(Cause::TargetEnded { ending, when: When::Measured }, Exit::TargetFailed).into()
}

fn not_placed(trouble: &Trouble) -> Halt {
    match trouble.of_target() {
        Some(log) => Failure::of(trouble, Exit::TargetFailed).with_log(log.to_vec()).into(),
        None => Halt::tooling(trouble),
    }
}

fn unexpected(answer: PodAnswer) -> Halt {
    match answer {
        PodAnswer::Failed { message } => Halt::tool(message),
        PodAnswer::Started(_) | PodAnswer::Sampled(_) | PodAnswer::Ended => {
            Halt::tool("the hub gave the answer to another command about the pod")
        }
    }
}
