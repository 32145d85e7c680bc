//! Checks whether the limits of a stage are in force, and whether the target exceeded them.

use super::halt::Halt;
use crate::measure::reason::Cause;
use crate::measure::{Ending, Reading, ResourceLimits, Series};
use crate::measure::{Failure, Warning};
use harness_base::exit::Exit;
use harness_rig::target::Running;

/// Checks in the kernel that the target is limited to `asked`: a limit that is not in force makes every number wrong.
///
/// # Errors
/// Returns [`Halt::Failed`] with the requested and the actual limits.
pub(crate) fn in_force(target: &Running, asked: &ResourceLimits) -> Result<(), Halt> {
    if asked.is_empty() {
        return Ok(());
    }
    let Some(group) = target.group() else {
        return Err(Halt::tool(format!(
            "the control group of the target (pid {}) cannot be read, so {asked} cannot be verified; check with: \
             cat /proc/{}/cgroup",
            target.pid, target.pid
        )));
    };
    let found = group.limits();
    if asked.in_force(&found) {
        return Ok(());
    }
    Err(Halt::tool(format!(
        "the limits of the target (pid {}) do not hold: asked for {asked}, the kernel has {found}; check with: \
         cat /proc/{}/cgroup",
        target.pid, target.pid
    )))
}

/// Checks that the kernel killed no process of the target in a window, even if the target as a whole lives on.
///
/// # Errors
/// Returns [`Halt::Failed`], because the whole target is no longer measured.
pub(crate) fn none_killed(readings: &Series<Reading>, limits: &ResourceLimits) -> Result<(), Halt> {
    let killed = readings.group_delta().and_then(|used| used.oom_kills).unwrap_or(0);
    if killed == 0 {
        return Ok(());
    }
    let ending = Ending::OutOfMemory(limits.memory.map(|memory| memory.0));
    Err(Halt::from(Failure::new(Cause::ProcessesKilled { ending, killed }, Exit::TargetFailed)))
}

/// Warns of a target that may not open enough descriptors for the connections to it and from it. Connections that it
/// cannot accept would wait until they time out.
pub(crate) fn few_descriptors(target: &Running, connections: u64) -> Option<Warning> {
    let limit = target.descriptor_limit()?;
    let few = limit < connections.saturating_mul(2);
    few.then_some(Warning::FewDescriptors { pid: target.pid, limit, connections })
}
