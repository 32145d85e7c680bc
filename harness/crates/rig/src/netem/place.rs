//! Where a path crosses netem.

use std::net::Ipv4Addr;

/// An address of its own at which the relay of a path listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The client path of the proxied arm.
    Proxied,
    /// The client path of the direct arm, which has a line of its own.
    Direct,
    /// The upstream path.
    Upstream,
}

/// A direction of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the place.
    Forward,
    /// From the place.
    Backward,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::Forward, Self::Backward];
}

impl Place {
    pub const ALL: [Self; 3] = [Self::Proxied, Self::Direct, Self::Upstream];

    /// Returns its index in [`Place::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Proxied => 0,
            Self::Direct => 1,
            Self::Upstream => 2,
        }
    }

    /// Returns its address, at which nothing else listens. The whole of 127.0.0.0/8 is loopback, and clients that connect to it have the
    /// address 127.0.0.1.
    pub const fn address(self) -> Ipv4Addr {
        match self {
            Self::Proxied => Ipv4Addr::new(127, 66, 0, 1),
            Self::Direct => Ipv4Addr::new(127, 66, 0, 2),
            Self::Upstream => Ipv4Addr::new(127, 66, 0, 3),
        }
    }

    /// Returns the number of its class below the root, from 2; class 1 is everything else.
    pub(super) const fn class(self, direction: Direction) -> usize {
        2 + 2 * self.index()
            + match direction {
                Direction::Forward => 0,
                Direction::Backward => 1,
            }
    }

    /// Returns the handle of its netem, `20:` to `70:`.
    pub(super) fn handle(self, direction: Direction) -> String {
        format!("{}0:", self.class(direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_direction_of_every_place_has_a_class_of_its_own() {
        let all = Place::ALL.into_iter().flat_map(|place| Direction::ALL.map(|direction| place.class(direction)));
        assert_eq!(all.collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(Place::ALL.map(Place::index), [0, 1, 2]);
        assert_eq!(Place::Upstream.handle(Direction::Backward), "70:");
        assert_eq!(Place::Direct.address().to_string(), "127.66.0.2");
    }
}
