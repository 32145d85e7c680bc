//! The arguments of `ip` and `tc`.

use super::impairment::Impairment;
use super::place::{Direction, Place};
use harness_base::units::{Nanos, Ratio};

/// The length of the header of a packet on loopback, which netem counts as a part of the packet, and no network of IP does.
const LINK_HEADER: u32 = 14;

/// Returns the arguments of `ip` that bring loopback up with packets of the length of a network, each a segment of its own.
pub(super) fn link() -> Vec<String> {
    words("link set dev lo up mtu 1500 gso_max_segs 1")
}

/// Returns the arguments that only a kernel without netem refuses.
pub(super) fn probe() -> Vec<String> {
    words("qdisc add dev lo root handle 1: netem")
}

/// Returns the arguments that remove what [`probe`] added.
pub(super) fn without_root() -> Vec<String> {
    words("qdisc del dev lo root")
}

/// Returns the commands that make a class for each direction of each place, and select it by the address. Everything else is in the first
/// class, which is served first and holds more packets than loopback lets wait.
pub(super) fn tree() -> Vec<Vec<String>> {
    let classes = 1 + Place::ALL.len() * Direction::ALL.len();
    let root = format!("qdisc add dev lo root handle 1: prio bands {classes} priomap{}", " 0".repeat(16));
    let rest = "qdisc add dev lo parent 1:1 handle 10: pfifo limit 100000".to_owned();
    let filters = Place::ALL.into_iter().flat_map(|place| Direction::ALL.map(|direction| filter(place, direction)));
    [root, rest].into_iter().chain(filters).map(|text| words(&text)).collect()
}

fn filter(place: Place, direction: Direction) -> String {
    let side = match direction {
        Direction::Forward => "dst",
        Direction::Backward => "src",
    };
    let (address, class) = (place.address(), place.class(direction));
    format!("filter add dev lo parent 1: protocol ip prio 1 u32 match ip {side} {address}/32 flowid 1:{class}")
}

/// Returns the arguments that give a direction of a place its netem.
pub(super) fn line(place: Place, direction: Direction, impairment: &Impairment) -> Vec<String> {
    let Impairment { delay, jitter, bandwidth, loss, duplicate, reorder } = *impairment;
    let (class, handle) = (place.class(direction), place.handle(direction));
    let mut text = format!("qdisc add dev lo parent 1:{class} handle {handle} netem limit {}", impairment.limit());
    if delay > Nanos::ZERO {
        text.push_str(&format!(" delay {}", micros(delay)));
    }
    if jitter > Nanos::ZERO {
        text.push_str(&format!(" {}", micros(jitter)));
    }
    for (key, share) in [("loss", loss), ("duplicate", duplicate), ("reorder", reorder)] {
        if share.0 > 0.0 {
            text.push_str(&format!(" {key} {}", percent(share)));
        }
    }
    if let Some(bandwidth) = bandwidth {
        text.push_str(&format!(" rate {}bit -{LINK_HEADER}", bandwidth.0));
    }
    words(&text)
}

/// Returns the arguments that remove the netem of a direction of a place.
pub(super) fn without(place: Place, direction: Direction) -> Vec<String> {
    words(&format!("qdisc del dev lo parent 1:{}", place.class(direction)))
}

/// Returns the arguments that print the counts of all netems as JSON.
pub(super) fn show() -> Vec<String> {
    words("-s -j qdisc show dev lo")
}

/// Splits a text at its spaces; no argument contains one.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Writes a time exactly, in a unit that every version of `tc` knows.
fn micros(span: Nanos) -> String {
    format!("{}us", span.0 as f64 / 1e3)
}

fn percent(share: Ratio) -> String {
    format!("{}%", share.0 * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::BitRate;

    fn typed(words: &[String]) -> String {
        words.join(" ")
    }

    #[test]
    fn a_path_becomes_a_netem_for_each_direction() {
        let path = Impairment {
            delay: Nanos(10_000_500),
            jitter: Nanos::from_millis(1),
            bandwidth: Some(BitRate(10_000_000)),
            loss: Ratio(0.01),
            duplicate: Ratio(0.5),
            reorder: Ratio(0.25),
        };
        assert_eq!(
            typed(&line(Place::Proxied, Direction::Forward, &path)),
            "qdisc add dev lo parent 1:2 handle 20: netem limit 194 delay 10000.5us 1000us loss 1% duplicate 50% reorder 25% rate \
             10000000bit -14"
        );
        let bare = typed(&line(Place::Upstream, Direction::Backward, &Impairment::default()));
        assert_eq!(bare, "qdisc add dev lo parent 1:7 handle 70: netem limit 1000000");
        assert_eq!(typed(&without(Place::Direct, Direction::Forward)), "qdisc del dev lo parent 1:4");
    }

    #[test]
    fn what_goes_to_a_place_and_what_comes_from_it_have_classes_of_their_own() {
        let tree: Vec<String> = tree().iter().map(|words| typed(words)).collect();
        assert_eq!(tree.len(), 8);
        assert_eq!(tree[0], "qdisc add dev lo root handle 1: prio bands 7 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
        assert_eq!(
            tree[4..6],
            [
                "filter add dev lo parent 1: protocol ip prio 1 u32 match ip dst 127.66.0.2/32 flowid 1:4",
                "filter add dev lo parent 1: protocol ip prio 1 u32 match ip src 127.66.0.2/32 flowid 1:5"
            ]
        );
    }
}
