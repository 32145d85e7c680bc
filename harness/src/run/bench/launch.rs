//! Launches the upstream and the target, and waits until they are ready.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::alive::{LINES, gone};
use crate::measure::reason::Cause;
use crate::measure::trial::Build;
use crate::measure::{Failure, LaunchRecord};
use crate::run::halt::Halt;
use crate::run::interrupt::Interrupt;
use crate::run::limits;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::aside::aside;
use harness_rig::keeper;
use harness_rig::probe::{self, Milestones};
use harness_rig::target::spec::Upstream;
use harness_rig::target::{
    self, ATTEMPTS, Allotted, EgressPlace, Fault, HttpUrl, LaunchRequest, Running, RunningUpstream,
};

/// Time limit for the upstream to listen.
const UPSTREAM_DEADLINE: Nanos = Nanos::from_secs(10);

pub(super) async fn start_upstream(rig: &Rig<'_>, stage: &Stage, name: &str) -> Result<Option<RunningUpstream>, Halt> {
    let Some(spec) = &stage.upstream else { return Ok(None) };
    let launched = target::launch_upstream(spec, &rig.site, &format!("upstream-{name}")).await;
    let mut upstream = launched.map_err(|error| launch_halt(&error))?;
    if let Some(running) = upstream.running.take() {
        let (running, came_up) = come_up(&rig.interrupt, running, UPSTREAM_DEADLINE).await?;
        if let Err(error) = came_up {
            let causes = iter::once("the upstream did not come up".to_owned()).chain(causes(&error)).collect();
            // The bundled one is a part of the harness.
            let exit = if matches!(spec, Upstream::Builtin(_)) { Exit::Usage } else { Exit::TargetFailed };
            let failure = Failure::new(Cause::Error(causes), exit);
            return Err(Halt::from(failure.with_log(running.log_tail(LINES))));
        }
        upstream.running = Some(running);
    }
    Ok(Some(upstream))
}

/// What a target finds behind it.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    pub(super) upstream: Option<&'a HttpUrl>,
    /// Where the foreign hosts are, if there are any.
    pub(super) egress: Option<&'a EgressPlace>,
}

/// Launches the target and waits until it is ready; repeats this only if another process took one of its ports. It may
/// reuse the ports and sockets of an earlier launch.
pub(super) async fn start_target(
    rig: &Rig<'_>,
    stage: &Stage,
    build: Build,
    (name, allotted): (&str, Option<&Allotted>),
    Behind { upstream, egress }: Behind<'_>,
) -> Result<(Running, LaunchRecord), Halt> {
    let name = format!("target-{name}");
    let spec = rig.plan.target_in(&stage.name, build);
    let limited = Some(&stage.limits).filter(|limits| !limits.is_empty());
    let cpuset = stage.cpuset.as_deref();
    let site = &rig.site;
    let order = LaunchRequest { site, name: &name, spec, upstream, egress, cpuset, limits: limited, allotted };
    let mut attempts = 1;
    loop {
        let running = target::launch(&order).await.map_err(|error| launch_halt(&error))?;
        let (running, came_up) = come_up(&rig.interrupt, running, spec.deadline).await?;
        match came_up {
            Ok(milestones) => {
                limits::in_force(&running, &stage.limits)?;
                let mut launch = launch_record(&running, &milestones, attempts);
                launch.engine = rig.interrupt.or(running.engine()).await?.map(Box::new);
                return Ok((running, launch));
            }
            Err(_) if attempts < ATTEMPTS && running.lost_port().is_some() => attempts += 1,
            Err(error) => {
                let tail = running.log_tail(LINES);
                let advice = running.advice(&tail);
                let failure = Failure { advice, ..Failure::of(&error, Exit::TargetFailed) };
                return Err(Halt::from(failure.with_log(tail)));
            }
        }
    }
}

fn launch_record(running: &Running, milestones: &Milestones, attempts: u32) -> LaunchRecord {
    // The start of a target that ran already is unknown, so it has no startup time.
    let known = running.spawned.is_some();
    LaunchRecord {
        spawned: running.spawned.unwrap_or_default(),
        listening_ns: known.then_some(milestones.listening_ns),
        healthy_ns: milestones.healthy_ns.filter(|_| known),
        ready_ns: milestones.ready_ns.filter(|_| known),
        probe_gap_ns: milestones.probe_gap_ns,
        network: running.network.clone(),
        attempts,
        ..LaunchRecord::default()
    }
}

/// Ends the probe when it is dropped, so that an interrupt does not wait for the deadline.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Probes on a separate thread until the process listens and answers, and returns it with what the probe found.
///
/// # Errors
/// Returns [`Halt::Interrupted`], or [`Halt::Failed`] if nothing can be probed.
pub(crate) async fn come_up(
    interrupt: &Interrupt,
    running: Running,
    deadline: Nanos,
) -> Result<(Running, Result<Milestones, probe::Error>), Halt> {
    let running = Arc::new(running);
    let watched = Arc::clone(&running);
    let begun = running.spawned.unwrap_or_else(Mono::now);
    let cancel = Cancel(Arc::new(AtomicBool::new(false)));
    let cancelled = Arc::clone(&cancel.0);
    let watch = move || probe::watch(&watched.endpoints, begun, deadline, &cancelled, || gone(&watched));
    let came_up = interrupt.or(aside(watch)).await?;
    let came_up = came_up.map_err(|error| Halt::tooling(&error))?;
    if let Err(error @ probe::Error::Thread(_)) = &came_up {
        return Err(Halt::tooling(error));
    }
    let running = Arc::into_inner(running).ok_or_else(|| Halt::tool("the probe did not end"))?;
    Ok((running, came_up))
}

/// Assigns an exit code to an error of a launch: a missing program or variable is an error of the input, an occupied
/// port one of the target.
pub(crate) fn launch_halt(error: &target::Error) -> Halt {
    let exit = match error {
        target::Error::PortTaken { .. }
        | target::Error::SocketTaken { .. }
        | target::Error::NotListening { .. }
        | target::Error::NoProcess { .. } => Exit::TargetFailed,
        target::Error::Container(error) if error.fault() == Fault::Tool => Exit::Usage,
        target::Error::Keeper(keeper::Error::Refused(refusal)) if !refusal.is_of_host() => Exit::InvalidInput,
        target::Error::Keeper(_) | target::Error::NoPort(_) | target::Error::Folder { .. } => Exit::Usage,
        _ => Exit::InvalidInput,
    };
    Halt::failed(exit, error)
}
