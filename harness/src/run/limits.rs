//! Whether the limits of a stage hold, and whether the target outgrew them.

use super::halt::Halt;
use crate::measure::reason::Cause;
use crate::measure::{Ending, Reading, ResourceLimits, Series};
use crate::measure::{Failure, Warning};
use harness_base::exit::Exit;
use harness_rig::target::Running;

/// Asks the kernel whether the target is held to `asked`: a limit that was set and does not hold makes every number wrong.
///
/// # Errors
/// [`Halt::Failed`] with what was asked for and what there is.
pub(crate) fn in_force(target: &Running, asked: &ResourceLimits) -> Result<(), Halt> {
    if asked.is_empty() {
        return Ok(());
    }
    let Some(group) = target.group() else {
        return Err(Halt::tool(format!(
            "the control group of the target (pid {}) cannot be read, so whether {asked} hold is not known; look with: \
             cat /proc/{}/cgroup",
            target.pid, target.pid
        )));
    };
    let found = group.limits();
    if asked.in_force(&found) {
        return Ok(());
    }
    Err(Halt::tool(format!(
        "the limits of the target (pid {}) do not hold: asked for {asked}, the kernel has {found}; look with: \
         cat /proc/{}/cgroup",
        target.pid, target.pid
    )))
}

/// A process of the target that the kernel killed over a window, although the target as a whole lives on.
///
/// # Errors
/// [`Halt::Failed`], as what was measured is no longer the whole target.
pub(crate) fn none_killed(readings: &Series<Reading>, limits: &ResourceLimits) -> Result<(), Halt> {
    let killed = readings.group_delta().and_then(|used| used.oom_kills).unwrap_or(0);
    if killed == 0 {
        return Ok(());
    }
    let ending = Ending::OutOfMemory(limits.memory.map(|memory| memory.0));
    Err(Halt::from(Failure::new(Cause::ProcessesKilled { ending, killed }, Exit::TargetFailed)))
}

/// Warns of a target that may not have as many descriptors as connections to it and from it need: those that it cannot accept wait until
/// they time out, which looks like anything but that.
pub(crate) fn few_descriptors(target: &Running, connections: u64) -> Option<Warning> {
    let limit = target.descriptor_limit()?;
    let few = limit < connections.saturating_mul(2);
    few.then_some(Warning::FewDescriptors { pid: target.pid, limit, connections })
}
