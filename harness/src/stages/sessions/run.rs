//! Opens sessions or streams in steps, watches the target while they are held, ends them, and watches it again.

mod connection;
mod crowd;
mod failure;
mod http;
mod peer;
mod tally;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::crowd::Crowd;
use self::peer::Peer;
use super::facts::{Ended, Ends, Held, Instance, Level, Step};
use super::work::Work;
use crate::measure::audit::Check;
use crate::run::bench::Bench;
use crate::run::builds::{launch, named};
use crate::run::event::Event;
use crate::run::halt::Halt;
use crate::run::interrupt::Interrupt;
use crate::run::launches::{self, Launching};
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Descriptors that this process needs for other things.
const OTHERS: u64 = 256;

/// How the first client ends, which leaves as little behind as possible.
const fn first_end(held: Held) -> Ends {
    let (delete, finish) = if matches!(held, Held::Requests) { (0.0, 1.0) } else { (1.0, 0.0) };
    Ends { delete, close: 0.0, abandon: 0.0, finish }
}

/// Launches each build `launches` times. What other processes do to the CPUs does not change the memory of the target, so no launch is
/// repeated because of it.
///
/// # Errors
/// Returns [`Halt::Failed`] if a launch fails or the target ends by itself, or if this process may not open as many connections.
pub(crate) async fn run(rig: &mut Rig<'_>, stage: &Stage, work: &Work) -> Result<(), Halt> {
    permit(work.most.div_ceil(work.per_connection) + OTHERS)?;
    launches::repeat(rig, stage, work.launches, async |rig, launching| one(rig, stage, work, launching).await).await
}

async fn one(rig: &mut Rig<'_>, stage: &Stage, work: &Work, launching: Launching) -> Result<Vec<Check>, Halt> {
    let Launching { index, build, turn } = launching;
    rig.emit(Event::Doing(format!("{}, {} {}", launch(stage, build, turn), work.most, work.held.described())));
    let mut bench = Bench::start(rig, stage, (index.into(), build), None).await?;
    let mut crowd = Crowd::new(Peer::new(bench.proxied(), work), work.held);
    let mut facts = Instance::default();
    let interrupt = rig.interrupt.clone();
    let done = hold_all(&interrupt, work, (&mut bench, &mut crowd), &mut facts).await;
    facts.outcomes = crowd.tally.outcomes;
    facts.example = crowd.tally.example.take();
    rig.recorder.instance_facts(bench.index, facts);
    // The abandoned ones stay open until here.
    drop(crowd);
    bench.stop(rig).await;
    done.map(|()| Vec::new()).map_err(|halt| named(rig, stage, build, halt))
}

/// Goes through all steps of a launch.
async fn hold_all(
    interrupt: &Interrupt,
    work: &Work,
    (bench, crowd): (&mut Bench, &mut Crowd),
    facts: &mut Instance,
) -> Result<(), Halt> {
    // The target may allocate memory for its first client only. That is not a cost of each session.
    bench.during(interrupt, crowd.fill(1)).await?;
    bench.during(interrupt, crowd.end(first_end(work.held))).await?;
    for number in 0..=work.steps {
        bench.during(interrupt, crowd.fill(work.open_after(number) / work.per_connection)).await?;
        if work.ping.is_some() {
            bench.during(interrupt, crowd.ping()).await?;
        }
        let level = watch(interrupt, work, (&mut *bench, Some(&mut *crowd))).await?;
        crowd.count_cut();
        facts.steps.push(Step { open: crowd.open(), cut: crowd.cut, level });
    }
    let ended = bench.during(interrupt, crowd.end(work.ends)).await?;
    bench.during(interrupt, tokio::time::sleep(work.wait.duration())).await?;
    let level = watch(interrupt, work, (&mut *bench, None)).await?;
    facts.ended = Some(Ended { level, ..ended });
    Ok(())
}

/// Watches the target in one window while the crowd sends its pings.
async fn watch(
    interrupt: &Interrupt,
    work: &Work,
    (bench, crowd): (&mut Bench, Option<&mut Crowd>),
) -> Result<Level, Halt> {
    let start = Mono::now().after(if crowd.is_some() { work.settle } else { Nanos::ZERO });
    let end = start.after(work.hold);
    bench.announce(start, end);
    let pings = async {
        if let (Some(crowd), Some(every)) = (crowd, work.ping) {
            crowd.ping_until(every, end).await;
        }
    };
    let (window, ()) = tokio::join!(bench.watch(interrupt), pings);
    Ok(Level::of(&window?.readings))
}

/// Permits this process to open `needed` descriptors.
fn permit(needed: u64) -> Result<(), Halt> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| Halt::tooling(&error))?;
    if hard < needed {
        let message = format!(
            "the stage needs {needed} open files, and the limit of this process is {hard}; raise it with `ulimit -Hn {needed}`, or lower `most`"
        );
        return Err(Halt::tool(message));
    }
    if soft < needed {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard).map_err(|error| Halt::tooling(&error))?;
    }
    Ok(())
}
