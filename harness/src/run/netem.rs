//! Moves a run whose paths netem makes into its network namespace, gives places their impairments, and reads what became of the packets.

use super::halt::Halt;
use super::rig::Rig;
use crate::measure::{NetemFacts, NetemLine};
use crate::plan::Plan;
use crate::work::Stage;
use harness_rig::netem::{Counts, Direction, Error, Impairment, LineCount, Netem, Place};
use harness_rig::target::Carried;

/// The places of the client path, in the order of its ways: the proxied arm, and the direct arm if there is one.
pub(crate) const CLIENT: [Place; 2] = [Place::Proxied, Place::Direct];
/// The place of the upstream path.
pub(crate) const UPSTREAM: [Place; 1] = [Place::Upstream];

/// Moves this process into a network namespace of its own, and tries the impairments of all stages; `None` for a plan without netem. Must
/// be called before this process starts others or a thread.
///
/// # Errors
/// Returns an [`Error`] if netem cannot be used, before anything is measured.
pub fn enter(plan: &Plan) -> Result<Option<Netem>, Error> {
    if !plan.is_netem() {
        return Ok(None);
    }
    let netem = Netem::enter()?;
    for (place, impairment) in plan.stages.iter().flat_map(places) {
        netem.shape(place, &impairment)?;
    }
    Ok(Some(netem))
}

/// Lists the places of the paths of a stage, with what netem does there.
fn places(stage: &Stage) -> Vec<(Place, Impairment)> {
    let client = stage.network.client.and_then(|path| path.impairment());
    let upstream = stage.network.upstream.and_then(|path| path.impairment());
    let echo = stage.work.planned().transports().and_then(|transports| transports.path?.impairment());
    let all = |places: &[Place], impairment: Option<Impairment>| -> Vec<(Place, Impairment)> {
        impairment.into_iter().flat_map(|one| places.iter().map(move |place| (*place, one))).collect()
    };
    [all(&CLIENT, client), all(&UPSTREAM, upstream), all(&[Carried::Udp, Carried::Tcp].map(Carried::place), echo)]
        .concat()
}

/// The part of a path that netem makes.
pub(crate) struct Shaped {
    netem: Netem,
    places: Vec<Place>,
    impairment: Impairment,
}

/// What netem did on a path since its places have their impairments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetemCount {
    impairment: Impairment,
    forward: LineCount,
    backward: LineCount,
}

/// Gives places their impairment; `None` for a path that a relay alone makes.
///
/// # Errors
/// Returns [`Halt::Failed`] if the kernel refuses it, or [`Halt::Interrupted`].
pub(crate) async fn shape(
    rig: &Rig<'_>,
    places: &[Place],
    impairment: Option<Impairment>,
) -> Result<Option<Shaped>, Halt> {
    let Some(impairment) = impairment else { return Ok(None) };
    let Some(netem) = rig.netem.clone() else {
        return Err(Halt::tool("the run is in no network namespace of its own"));
    };
    for place in places {
        let shaped = rig.interrupt.or(netem.shape_aside(*place, impairment)).await?;
        shaped.map_err(|error| Halt::tooling(&error))?;
    }
    Ok(Some(Shaped { netem, places: places.to_vec(), impairment }))
}

impl Shaped {
    /// Reads the counts of all places.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if they cannot be read.
    pub(crate) async fn counts(&self) -> Result<Counts, Halt> {
        self.netem.counts().await.map_err(|error| Halt::tooling(&error))
    }

    /// Returns those of its own places.
    pub(crate) fn own(&self, counts: &Counts) -> NetemCount {
        let sum = |direction: Direction| {
            let all = self.places.iter().map(|place| counts.at(*place, direction));
            all.fold(LineCount::default(), |sum, count| LineCount {
                packets: sum.packets + count.packets,
                bytes: sum.bytes + count.bytes,
                dropped: sum.dropped + count.dropped,
            })
        };
        NetemCount { impairment: self.impairment, forward: sum(Direction::Forward), backward: sum(Direction::Backward) }
    }
}

/// Returns what netem did on a path between two readings.
pub(crate) fn between(before: NetemCount, after: NetemCount) -> NetemFacts {
    let line = |before: LineCount, after: LineCount| NetemLine {
        packets: after.packets.saturating_sub(before.packets),
        bytes: after.bytes.saturating_sub(before.bytes),
        dropped: after.dropped.saturating_sub(before.dropped),
    };
    NetemFacts {
        loss: after.impairment.loss.0,
        duplicate: after.impairment.duplicate.0,
        limited: after.impairment.bandwidth.is_some(),
        forward: line(before.forward, after.forward),
        backward: line(before.backward, after.backward),
    }
}
