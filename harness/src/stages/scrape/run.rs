//! Records what the targets of another stage reported while that stage ran.

use std::collections::BTreeSet;

use super::derive::is_reset;
use super::facts::Instance;
use super::work::Work;
use crate::measure::group::ResourceLimits;
use crate::measure::reason::Problem;
use crate::measure::trial::Build;
use crate::measure::{LaunchRecord, RoundStatus, StageStatus};
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::run::scraped::Scraped;
use crate::work::Stage;

/// Index of the only round of an instance, which stands for its window.
const ROUND: u32 = 1;

/// Records one window per instance. One in which a counter was set back does not count, nor does that of the other build in the same turn,
/// so that valid windows stay pairs.
///
/// # Errors
/// Returns [`Halt::Invalid`] if the described stage is not valid.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    let (mine, others): (Vec<Scraped>, Vec<Scraped>) =
        std::mem::take(&mut rig.scraped).into_iter().partition(|scraped| scraped.into == stage.name);
    rig.scraped = others;
    let described = rig.recorder.stage_named(&work.0.of);
    let is_valid = described.is_some_and(|stage| stage.status == StageStatus::Valid);
    let mine: Vec<(u32, Build, Instance)> = mine
        .into_iter()
        .map(|Scraped { index, build, span, sent, found, idle_span, idle, .. }| {
            (index, build, Instance { span_ns: span.0, sent, found, idle_ns: idle_span.0, idle })
        })
        .collect();
    let turn = |index: u32| index / if stage.compared { 2 } else { 1 };
    let lost: BTreeSet<u32> =
        mine.iter().filter(|(.., facts)| is_reset(facts)).map(|(index, ..)| turn(*index)).collect();
    for (index, build, facts) in mine {
        let status = if lost.contains(&turn(index)) { RoundStatus::Rejected } else { RoundStatus::Valid };
        rig.recorder.instance_begun(index, build, LaunchRecord::default(), ResourceLimits::default());
        rig.recorder.instance_facts(index, facts);
        rig.recorder.instance_ended(index, LaunchRecord::default());
        rig.recorder.round(index, ROUND, status);
    }
    if is_valid { Ok(()) } else { Err(Halt::Invalid(vec![Problem::Described { stage: work.0.of.clone() }.into()])) }
}
