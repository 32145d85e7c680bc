//! Reads what netem did, as `tc -s -j qdisc show` prints it.

use serde::Deserialize;

use super::error::Error;
use super::place::{Direction, Place};

/// The packets of one direction of a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCount {
    /// Packets that passed.
    pub packets: u64,
    /// Their bytes, with 14 of a header of loopback for each.
    pub bytes: u64,
    /// Packets that were lost on purpose, or that found the queue before a limited bandwidth full.
    pub dropped: u64,
}

/// What netem did at all places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts([[LineCount; Direction::ALL.len()]; Place::ALL.len()]);

/// A queue of a device. Its other fields are not needed.
#[derive(Debug, Deserialize)]
struct Qdisc {
    kind: String,
    handle: String,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    packets: u64,
    #[serde(default)]
    drops: u64,
}

impl Counts {
    /// Returns what netem did in one direction of a place; nothing where there is none.
    pub fn at(&self, place: Place, direction: Direction) -> LineCount {
        let [forward, backward] = self.0[place.index()];
        match direction {
            Direction::Forward => forward,
            Direction::Backward => backward,
        }
    }

    /// Reads the output of `tc`.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Error> {
        let queues: Vec<Qdisc> = serde_json::from_slice(json).map_err(|cause| Error::Unreadable { cause })?;
        let of = |place: Place, direction: Direction| {
            let handle = place.handle(direction);
            let found = queues.iter().find(|queue| queue.kind == "netem" && queue.handle == handle);
            found.map_or_else(LineCount::default, |queue| LineCount {
                packets: queue.packets,
                bytes: queue.bytes,
                dropped: queue.drops,
            })
        };
        Ok(Self(Place::ALL.map(|place| Direction::ALL.map(|direction| of(place, direction)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = r#"[
        {"kind":"prio","handle":"1:","root":true,"refcnt":2,"options":{"bands":7,"priomap":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],
         "multiqueue":false},"bytes":812345,"packets":9876,"drops":12,"overlimits":0,"requeues":0,"backlog":0,"qlen":0},
        {"kind":"pfifo","handle":"10:","parent":"1:1","options":{"limit":100000},"bytes":1,"packets":1,"drops":0,"overlimits":0,
         "requeues":0,"backlog":0,"qlen":0},
        {"kind":"netem","handle":"20:","parent":"1:2","options":{"limit":1000000,"delay":{"delay":0.01,"jitter":0,"correlation":0},
         "loss-random":{"loss":0.01,"correlation":0},"seed":14031853113217361713,"ecn":false,"gap":0},"bytes":600100,"packets":990,
         "drops":10,"overlimits":0,"requeues":0,"backlog":1514,"qlen":1},
        {"kind":"netem","handle":"30:","parent":"1:3","options":{"limit":175,"rate":{"rate":1250000,"packetoverhead":-14,"cellsize":0,
         "celloverhead":0},"ecn":false,"gap":0},"bytes":7,"packets":8,"drops":9,"overlimits":0,"requeues":0,"backlog":0,"qlen":0}]"#;

    #[test]
    fn the_counts_of_each_direction_are_found_by_their_handles() {
        let counts = Counts::parse(SHOWN.as_bytes()).unwrap();
        let forward = LineCount { packets: 990, bytes: 600_100, dropped: 10 };
        assert_eq!(counts.at(Place::Proxied, Direction::Forward), forward);
        assert_eq!(counts.at(Place::Proxied, Direction::Backward), LineCount { packets: 8, bytes: 7, dropped: 9 });
        assert_eq!(counts.at(Place::Upstream, Direction::Forward), LineCount::default());
        assert!(matches!(Counts::parse(b"qdisc noqueue 0:"), Err(Error::Unreadable { .. })));
    }
}
