//! Runs one instance: starts upstream, target, sampler and generator in this order, and stops them in reverse.

mod alive;
mod beside;
mod change;
mod ended;
mod foreign;
mod launch;
mod parts;
mod pod;
mod relays;
mod servers;

use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use alive::LINES;
use alive::{alive, gone};
use ended::Ended;
use foreign::Foreign;
use launch::{Behind, start_target, start_upstream};
pub(crate) use launch::{come_up, launch_halt};
use pod::Pod;
use relays::Relays;

use super::admin::Admin;
use super::builds::{named, of_two};
use super::engine::Engine;
use super::halt::Halt;
use super::interrupt::Interrupt;
use super::limits;
use super::rig::Rig;
use crate::measure::trial::Build;
use crate::measure::{Ending, LaunchRecord, Reading, Series};
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::Generator;
use harness_rig::keeper::Stopped;
use harness_rig::sampler::{LaunchWatch, Pending, Sampler, Tree, Watched, Window};
use harness_rig::target::spec::Launch;
use harness_rig::target::{self, HttpUrl, Running, RunningUpstream};

/// Time between SIGTERM and SIGKILL for the upstream, and for the target after an interrupt.
const PATIENCE: Nanos = Nanos::from_millis(1500);
/// Time from before a launch for which the host is watched: a step of its counters is 2.5 % of it on two CPUs.
pub(crate) const LAUNCH_SPAN: Nanos = Nanos::from_millis(200);

/// A ready target with upstream, sampler and generator.
pub(crate) struct Bench {
    /// Index of the instance within the stage.
    pub(crate) index: u32,
    /// Which build of the target.
    pub(crate) build: Build,
    upstream: Option<RunningUpstream>,
    /// Commands to the upstream, if it is the bundled one.
    admin: Option<Arc<Admin>>,
    /// The foreign hosts, if the scenario has any.
    foreign: Option<Foreign>,
    relays: Relays,
    /// Where the target finds its upstream: at a relay, if the network has one there.
    behind: Option<HttpUrl>,
    target: Running,
    /// The pod of a target on another machine.
    pod: Option<Pod>,
    /// How the target ended, if it was stopped under load.
    stopped: Option<Stopped>,
    engine: Option<Engine>,
    sampler: Sampler,
    /// The window in progress. One that is left at the end belongs to an incomplete trial.
    pending: Option<Pending>,
    /// CPUs the target may use.
    pub(crate) target_cpus: f64,
    /// Indexes of the nodes of the fleet that run on the host of the target.
    pub(crate) on_host: Vec<u64>,
    /// Where the requests of a fleet come from.
    pub(crate) nodes_at: Vec<IpAddr>,
    launch: LaunchRecord,
    of_two: Option<Build>,
    /// The state before the launch; absent with load.
    before: Option<LaunchWatch>,
    watched: Watched,
}

impl Bench {
    /// Starts everything that a trial of `stage` needs, and waits until the target is ready. If something fails,
    /// everything is stopped again.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] with the cause, and the build if there are two, or [`Halt::Interrupted`].
    pub(crate) async fn start(
        rig: &mut Rig<'_>,
        stage: &Stage,
        (index, build): (u64, Build),
        work: Option<&LoadWork>,
    ) -> Result<Self, Halt> {
        let started = Self::set_up(rig, stage, (index, build), work).await;
        started.map_err(|halt| named(rig, stage, build, halt))
    }

    async fn set_up(
        rig: &mut Rig<'_>,
        stage: &Stage,
        (index, build): (u64, Build),
        work: Option<&LoadWork>,
    ) -> Result<Self, Halt> {
        let suffix = if stage.compared { format!("-{}", build.name()) } else { String::new() };
        let name = format!("{}-{index}{suffix}", stage.name);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if matches!(rig.plan.target_in(&stage.name, build).launch, Launch::Pod(_)) {
            return Self::in_pod(rig, stage, (index, &name), work).await;
        }
        let prepared = rig.interrupt.or(target::prepare(rig.plan.target_in(&stage.name, build), &rig.site)).await?;
        prepared.map_err(|error| launch_halt(&error))?;
        let mut upstream = start_upstream(rig, stage, &name).await?;
        let pipes = upstream.as_mut().and_then(|upstream| upstream.admin.take());
        let admin = pipes.map(Admin::over).transpose().map_err(|error| Halt::tooling(&error))?.map(Arc::new);
        let foreign = Foreign::start(rig, &name).await?;
        let (url, mut relays) = (upstream.as_ref().map(|upstream| &upstream.url), Relays::default());
        let url = relays.behind(rig, stage, &name, url).await?;
        let behind = Behind { upstream: url.as_ref(), egress: foreign.as_ref().map(|foreign| &foreign.place) };
        let surroundings = surroundings(rig, upstream.as_ref(), foreign.as_ref());
        let before = work.is_none().then(|| LaunchWatch::begin(&surroundings));
        let (target, launch) = start_target(rig, stage, build, (&name, None), behind).await?;
        let few = work.and_then(|work| limits::few_descriptors(&target, work.connections));
        few.into_iter().for_each(|warning| rig.recorder.warn(warning));
        let engine = relays.engine(rig, stage, work, ((&name, index), &target.endpoints.proxy, url.as_ref())).await?;
        let watched = Watched {
            target: Some(Tree { pid: target.pid, mark: target.mark.clone(), group: target.limited }),
            generator: engine.as_ref().and_then(Engine::pid),
            relays: relays.pids().into_iter().chain(engine.iter().flat_map(Engine::relays)).collect(),
            ..surroundings
        };
        let sampler = Sampler::start(watched.clone()).map_err(|error| Halt::tooling(&error))?;
        let target_cpus = cpus(rig, stage, build);
        rig.recorder.instance_begun(index, build, launch.clone(), stage.limits);
        let of_two = of_two(stage, build);
        let (stopped, pending) = (None, None);
        Ok(Self {
            index,
            build,
            upstream,
            admin,
            foreign,
            relays,
            behind: url,
            target,
            stopped,
            engine,
            sampler,
            pending,
            target_cpus,
            pod: None,
            on_host: rig.fleet.as_ref().map(|fleet| fleet.facts().on_host()).unwrap_or_default(),
            nodes_at: Vec::new(),
            launch,
            of_two,
            before,
            watched,
        })
    }

    /// Returns how the target came up.
    pub(crate) const fn launch(&self) -> &LaunchRecord {
        &self.launch
    }

    /// Returns a reading from before the launch and one from now. They are at least [`LAUNCH_SPAN`] apart, because the counters of the
    /// host have steps of 10 ms; the target is watched until then. Empty in a stage with load.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target ended, or [`Halt::Interrupted`].
    pub(crate) async fn launch_readings(&mut self, interrupt: &Interrupt) -> Result<Series<Reading>, Halt> {
        if let Some(pod) = &mut self.pod {
            return Ok(pod.launch_readings());
        }
        let Some(before) = self.before.take() else { return Ok(Series::default()) };
        let left = before.begun().after(LAUNCH_SPAN).remaining();
        interrupt.or(alive(&self.target, tokio::time::sleep(left.duration()))).await??;
        Ok(before.end(&self.watched))
    }

    /// Announces a window to the sampler; [`Bench::window`] waits for its end.
    pub(crate) fn announce(&mut self, start: Mono, end: Mono) {
        match &mut self.pod {
            Some(pod) => pod.announce(start, end),
            None => self.pending = Some(self.sampler.window(start, end)),
        }
    }

    /// Announces a window after those announced before; the caller waits for it.
    pub(crate) fn ahead(&self, start: Mono, end: Mono) -> Pending {
        self.sampler.window(start, end)
    }

    /// Leaves an interrupted window to the bench, which records its readings when it stops.
    pub(crate) fn leave(&mut self, cut_short: Option<Pending>) {
        self.pending = cut_short;
    }

    /// Returns how the target ended, if it did.
    pub(crate) fn gone(&self) -> Option<Ending> {
        gone(&self.target)
    }

    /// Waits for the window that was announced last.
    pub(crate) async fn window(&mut self) -> Window {
        match self.pending.take() {
            Some(mut pending) => pending.finish().await,
            None => Window::default(),
        }
    }

    /// Runs `work` of the generator while the target lives and no interrupt arrives.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target or the generator ended, or [`Halt::Interrupted`].
    pub(crate) async fn drive<T>(
        &mut self,
        interrupt: &Interrupt,
        work: impl AsyncFnOnce(&mut Generator) -> Result<T, harness_load::Error>,
    ) -> Result<T, Halt> {
        let Self { engine, target, .. } = self;
        let Some(engine) = engine else { return Err(Halt::tool("this stage has no load generator")) };
        let answer = interrupt.or(alive(target, work(&mut engine.generator))).await??;
        answer.map_err(|error| engine.halt(&error))
    }

    /// Runs `work` while the target lives and no interrupt arrives.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target ended, or [`Halt::Interrupted`].
    pub(crate) async fn during<T>(&self, interrupt: &Interrupt, work: impl Future<Output = T>) -> Result<T, Halt> {
        interrupt.or(alive(&self.target, work)).await?
    }

    /// Waits for the window that was announced last, while the target lives and no interrupt arrives.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if the target or the upstream ended, or [`Halt::Interrupted`].
    pub(crate) async fn watch(&mut self, interrupt: &Interrupt) -> Result<Window, Halt> {
        if let Some(pod) = &mut self.pod {
            return pod.watch(interrupt, &self.target).await;
        }
        let Some(pending) = &mut self.pending else { return Ok(Window::default()) };
        let window = interrupt.or(alive(&self.target, pending.finish())).await??;
        self.pending = None;
        match self.upstream_ending() {
            None => Ok(window),
            Some(ending) => Err(self.upstream_failed(vec![ended_early(ending)])),
        }
    }

    /// Stops everything in reverse and records how the target ended.
    pub(crate) async fn stop(self, rig: &mut Rig<'_>) {
        let patience = patience(rig);
        self.end(patience).await.record(rig, patience);
    }

    /// Stops both builds of a turn concurrently, so that two take no longer than one.
    pub(crate) async fn stop_all(benches: Vec<Self>, rig: &mut Rig<'_>) {
        let patience = patience(rig);
        let end = async |bench: Option<Self>| match bench {
            Some(bench) => Some(bench.end(patience).await),
            None => None,
        };
        let mut benches = benches.into_iter();
        let (one, other) = tokio::join!(end(benches.next()), end(benches.next()));
        one.into_iter().chain(other).for_each(|ended| ended.record(rig, patience));
    }

    async fn end(self, patience: Nanos) -> Ended {
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
        let cost = self.sampler.stop();
        let cut_short = match self.pending {
            Some(mut pending) => Some(pending.finish().await),
            None => None,
        };
        let mut launch = self.launch;
        // Read before the stop, which removes the control group and with it the reason of an earlier exit.
        let ended = self.target.ended();
        let stopped = match self.stopped {
            Some(stopped) => Some(stopped),
            None => self.target.stop(patience).await,
        };
        if let Some(stopped) = stopped {
            launch.stop_ns = Some(stopped.took.0);
            launch.ending = Some(ended.unwrap_or(stopped.ending));
            launch.killed = stopped.killed;
        }
        if let Some(pod) = self.pod {
            launch.pod = pod.end().await.or(launch.pod);
        }
        self.relays.stop().await;
        if let Some(running) = self.upstream.and_then(|upstream| upstream.running) {
            running.stop(PATIENCE).await;
        }
        let warnings = match self.foreign {
            Some(foreign) => foreign.stop().await,
            None => Vec::new(),
        };
        Ended { index: self.index, launch, cost, cut_short, of_two: self.of_two, warnings }
    }
}

/// Returns the processes of the harness that run beside a target.
fn surroundings(rig: &Rig<'_>, upstream: Option<&RunningUpstream>, foreign: Option<&Foreign>) -> Watched {
    Watched {
        upstream: upstream.and_then(|upstream| Some(upstream.running.as_ref()?.pid)),
        egress: foreign.map(Foreign::pid),
        keeper: Some(rig.site.keeper.pid()),
        ..Watched::default()
    }
}

fn ended_early(ending: Ending) -> String {
    format!("the upstream {ending} while it was needed")
}

fn patience(rig: &Rig<'_>) -> Nanos {
    let patience = rig.plan.target.stop_within;
    if rig.interrupt.requested() { patience.min(PATIENCE) } else { patience }
}

/// Returns the number of CPUs that the target may use: those of its cpuset, or all, but at most its limit.
fn cpus(rig: &Rig<'_>, stage: &Stage, build: Build) -> f64 {
    let own = match &rig.plan.target_in(&stage.name, build).launch {
        Launch::Process(process) => process.cpuset.as_ref(),
        Launch::Container(container) => container.cpuset.as_ref(),
        Launch::Command(command) => command.run.cpuset.as_ref(),
        Launch::Stdio(stdio) => stdio.shim.cpuset.as_ref(),
        Launch::External(_) | Launch::Pod(_) => None,
    };
    let all = stage.cpuset.as_ref().or(own).map_or(rig.cpus, |cpuset| cpuset.len() as f64);
    stage.limits.cpus.map_or(all, |limit| limit.min(all))
}
