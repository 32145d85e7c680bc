//! The builds of a stage: their order, and what went wrong with which of them.

use super::bench::Bench;
use super::halt::Halt;
use super::rig::Rig;
use crate::measure::record::Failure;
use crate::measure::trial::Build;
use crate::work::Stage;
use crate::work::load::LoadWork;

/// The builds of a turn in their order: base, head, head, base, … so that drift cancels within two turns.
pub(crate) const fn builds(stage: &Stage, turn: u64) -> &'static [Build] {
    match (stage.compared, turn.is_multiple_of(2)) {
        (false, _) => &[Build::Head],
        (true, true) => &[Build::Base, Build::Head],
        (true, false) => &[Build::Head, Build::Base],
    }
}

/// Starts the builds of a turn beside each other, in their order. When one does not start, the other is stopped again.
///
/// # Errors
/// [`Halt::Failed`] naming the build, or [`Halt::Interrupted`].
pub(crate) async fn start(rig: &mut Rig<'_>, stage: &Stage, turn: u64, work: &LoadWork) -> Result<Vec<Bench>, Halt> {
    let order = builds(stage, turn);
    let mut benches = Vec::with_capacity(order.len());
    for (index, build) in (turn * order.len() as u64..).zip(order) {
        match Bench::start(rig, stage, (index, *build), Some(work)).await {
            Ok(bench) => benches.push(bench),
            Err(halt) => {
                Bench::stop_all(benches, rig).await;
                return Err(halt);
            }
        }
    }
    Ok(benches)
}

/// Names the build in what went wrong with it, where there are two.
pub(crate) fn named(rig: &Rig<'_>, stage: &Stage, build: Build, halt: Halt) -> Halt {
    if !stage.compared {
        return halt;
    }
    let name = |message: String| format!("{} build {}: {message}", build.name(), rig.recorder.program(build));
    match halt {
        Halt::Interrupted => Halt::Interrupted,
        Halt::Invalid(reasons) => Halt::Invalid(reasons.into_iter().map(name).collect()),
        Halt::Failed(Failure { message, exit }) => Halt::Failed(Failure { message: name(message), exit }),
    }
}

/// A build as it is called in a message: `the target`, or which of the two.
pub(crate) fn called(stage: &Stage, build: Build) -> String {
    if stage.compared { format!("the {} build", build.name()) } else { "the target".to_owned() }
}

/// A launch as it is called in a message: counted from 1 for each build.
pub(crate) fn launch(stage: &Stage, build: Build, turn: u64) -> String {
    let of = if stage.compared { format!(" of {}", build.name()) } else { String::new() };
    format!("launch {}{of}", turn + 1)
}
