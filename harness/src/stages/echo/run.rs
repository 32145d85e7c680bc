//! Runs the rounds of each instance, after connections that are opened one after the other.

use super::facts::Instance;
use super::work::Work;
use crate::measure::Arm;
use crate::run::bench::Bench;
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::load;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_load::echo::facts::Handshakes;

/// Runs the stage.
///
/// # Errors
/// See [`load::rounds`].
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    load::rounds_after(rig, stage, &work.load, async |rig, bench| handshakes(rig, work, bench).await).await
}

/// Records how fast connections are opened before there is any load.
async fn handshakes(rig: &mut Rig<'_>, work: &Work, bench: &mut Bench) -> Result<(), Halt> {
    if work.handshakes == 0 {
        return Ok(());
    }
    rig.emit(Event::Doing(format!("{} handshakes of each transport", work.handshakes)));
    let tcp = match work.load.paired {
        true => Some(of_arm(rig, work, bench, Arm::Direct).await?),
        false => None,
    };
    let quic = Some(of_arm(rig, work, bench, Arm::Proxied).await?);
    rig.recorder.instance_facts(bench.index, Instance { tcp, quic });
    Ok(())
}

async fn of_arm(rig: &Rig<'_>, work: &Work, bench: &mut Bench, arm: Arm) -> Result<Handshakes, Halt> {
    bench.drive(&rig.interrupt, async |generator| generator.handshakes(arm, work.handshakes).await).await
}
