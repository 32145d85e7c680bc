//! Orders the builds of a stage, and assigns failures to them.

use super::halt::Halt;
use super::rig::Rig;
use crate::measure::reason::Scope;
use crate::measure::trial::Build;
use crate::work::Stage;

/// Returns the builds of a turn in their order: base, head, head, base, … so that drift cancels within two turns.
pub(crate) const fn builds(stage: &Stage, turn: u64) -> &'static [Build] {
    match (stage.compared, turn.is_multiple_of(2)) {
        (false, _) => &[Build::Head],
        (true, true) => &[Build::Base, Build::Head],
        (true, false) => &[Build::Head, Build::Base],
    }
}

/// Adds the build to a failure, if there are two.
pub(crate) fn named(rig: &Rig<'_>, stage: &Stage, build: Build, halt: Halt) -> Halt {
    if !stage.compared {
        return halt;
    }
    halt.within(&Scope::Build { build, program: Some(rig.recorder.program(build).to_owned()) })
}

/// Returns the build, if there are two.
pub(crate) fn of_two(stage: &Stage, build: Build) -> Option<Build> {
    stage.compared.then_some(build)
}

/// Names a launch in messages: counted from 1 for each build.
pub(crate) fn launch(stage: &Stage, build: Build, turn: u64) -> String {
    let of = if stage.compared { format!(" of {}", build.name()) } else { String::new() };
    format!("launch {}{of}", turn + 1)
}
