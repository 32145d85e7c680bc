//! How the target of the pod comes up.
//!
//! The id of the target's container is known only once it runs, which is too late to watch it. So the agent watches all containers from its
//! own start on, and probes the endpoints as soon as one of them executes its program. The order then says which one is the target.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::{io, thread};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::target::Target;
use crate::pod::Up;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::launch::Ending;
use harness_rig::pod::{Found, Unseen, Watch, group_of};
use harness_rig::probe::{self, Milestones};
use harness_rig::sampler::{self, LaunchWatch, Watched};
use harness_rig::target::Endpoints;

/// The time between the two readings around a startup, at least: the counters of the host have steps of 10 ms.
const SPAN: Nanos = Nanos::from_millis(200);
/// A container that runs, as Kubernetes reports it, has executed its program after this time.
const GRACE: Nanos = Nanos::from_secs(1);
/// The pause between two looks for it.
const LOOK: Nanos = Nanos::from_millis(1);
/// The pause between two looks for the first container.
const PAUSE: Nanos = Nanos::from_micros(250);
/// The order sets the time limit of the probes.
const NO_LIMIT: Nanos = Nanos(u64::MAX);

/// The reason why there is no target that is up.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotUp {
    #[error(transparent)]
    Unseen(#[from] Unseen),
    #[error(transparent)]
    Probe(#[from] probe::Error),
    #[error("the thread that probes the target has ended")]
    Unprobed,
    #[error(
        "the control group of the target cannot be read; the agent needs the same user as the target, which must not have \
         capabilities that the agent lacks"
    )]
    NoGroup,
    #[error(transparent)]
    Sampler(#[from] sampler::Error),
    #[error("the agent has watched a startup before")]
    Twice,
}

impl NotUp {
    /// Returns whether the target ended by itself.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::Probe(probe::Error::Exited { .. }))
    }
}

/// A startup that is being watched.
#[derive(Debug)]
pub(super) struct Startup {
    before: LaunchWatch,
    watch: Arc<Watch>,
    probing: Probing,
    deadline: Nanos,
    has_app: bool,
}

impl Startup {
    /// Begins to watch. With `has_app`, the only other container beside the target is the upstream.
    pub(super) fn begin(endpoints: Endpoints, deadline: Nanos, has_app: bool) -> io::Result<Self> {
        let before = LaunchWatch::begin(&Watched::default());
        let watch = Arc::new(Watch::start()?);
        let probing = Probing::start(Arc::clone(&watch), endpoints)?;
        Ok(Self { before, watch, probing, deadline, has_app })
    }

    /// Waits until the target, the container with this id, is up. All instants are by the agent's clock.
    pub(super) async fn finish(self, id: &str) -> Result<(Up, Target), NotUp> {
        let Self { before, watch, mut probing, deadline, has_app } = self;
        let latest = Mono::now().after(deadline);
        let found = find(&watch, id).await?;
        let milestones = probing.finish(&found, latest).await?;
        let upstream = if has_app { watch.beside(&found) } else { None };
        watch.stop();
        let group = group_of(found.pid).ok_or(NotUp::NoGroup)?;
        let target = Target::watch(found.clone(), upstream.as_ref(), &group)?;
        sleep(before.begun().after(SPAN).remaining().duration()).await;
        let program = found.program();
        let named = || program.first().map(PathBuf::from).unwrap_or_default();
        let up = Up {
            spawned: found.spawned,
            is_late: found.was_there,
            listening_ns: milestones.listening_ns,
            healthy_ns: milestones.healthy_ns,
            ready_ns: milestones.ready_ns,
            probe_gap_ns: milestones.probe_gap_ns,
            pid: found.pid,
            executable: found.executable().unwrap_or_else(named),
            program,
            limits: group.limits(),
            readings: before.end(target.watched()),
        };
        Ok((up, target))
    }
}

/// Waits until the container with this id has executed its program.
async fn find(watch: &Watch, id: &str) -> Result<Found, Unseen> {
    let end = Mono::now().after(GRACE);
    loop {
        if let Some(found) = watch.containing(id) {
            return Ok(found);
        }
        if Mono::now() >= end {
            return watch.unnamed(id);
        }
        sleep(LOOK.duration()).await;
    }
}

/// A thread that probes the target, which ends when this is dropped.
#[derive(Debug)]
struct Probing {
    /// The target, once it is known.
    target: Arc<OnceLock<Found>>,
    cancelled: Arc<AtomicBool>,
    result: oneshot::Receiver<Probed>,
}

/// What the probes saw.
#[derive(Debug)]
struct Probed {
    /// The instant from which their times count.
    base: Mono,
    /// When they began.
    begun: Mono,
    result: Result<Milestones, probe::Error>,
}

impl Probing {
    fn start(watch: Arc<Watch>, endpoints: Endpoints) -> io::Result<Self> {
        let (target, cancelled) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let (sender, result) = oneshot::channel();
        let probing = Self { target: Arc::clone(&target), cancelled: Arc::clone(&cancelled), result };
        let work = move || drop(sender.send(probed(&watch, &endpoints, &target, &cancelled)));
        thread::Builder::new().name("probe".to_owned()).spawn(work)?;
        Ok(probing)
    }

    /// Waits until the target is up, until `latest`. Returns the times since it was spawned.
    async fn finish(&mut self, found: &Found, latest: Mono) -> Result<Milestones, NotUp> {
        // A startup is finished once, so that it was not set before.
        drop(self.target.set(found.clone()));
        let in_time = timeout(latest.remaining().duration(), &mut self.result).await;
        let probed = match in_time {
            Ok(probed) => probed,
            Err(_) => {
                self.cancelled.store(true, Ordering::Relaxed);
                (&mut self.result).await
            }
        };
        let Probed { base, begun, result } = probed.map_err(|_| NotUp::Unprobed)?;
        let seen = result?;
        let since_spawn = |ns: u64| base.after(Nanos(ns)).since(found.spawned).0;
        Ok(Milestones {
            listening_ns: since_spawn(seen.listening_ns),
            healthy_ns: seen.healthy_ns.map(since_spawn),
            ready_ns: seen.ready_ns.map(since_spawn),
            // What was true at the first attempt may have been so since the spawn.
            probe_gap_ns: seen.probe_gap_ns.max(begun.since(found.spawned).0),
        })
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Waits for the first container, and probes the endpoints until the target is up or has ended. Blocks.
fn probed(watch: &Watch, endpoints: &Endpoints, target: &OnceLock<Found>, cancelled: &AtomicBool) -> Probed {
    let first = loop {
        let first = watch.first();
        if first.is_some() || cancelled.load(Ordering::Relaxed) {
            break first;
        }
        thread::sleep(PAUSE.duration());
    };
    let base = first.map_or_else(Mono::now, |first| first.spawned);
    let alive = || target.get().filter(|target| !target.lives()).map(|_| Ending::Unknown);
    let begun = Mono::now();
    Probed { base, begun, result: probe::watch(endpoints, base, NO_LIMIT, cancelled, alive) }
}
