//! What a relay does to what it passes on.

use harness_base::clock::Mono;
use harness_base::units::{BitRate, Bytes, Nanos};

/// The delays, limits and faults of each direction of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Impairment {
    /// One way.
    pub delay: Nanos,
    /// The largest difference from `delay`, at most `delay`.
    pub jitter: Nanos,
    /// Absent: as fast as the host.
    pub bandwidth: Option<BitRate>,
    pub stall: Option<Stall>,
    /// TCP only.
    pub reset: Option<Reset>,
    /// Share of the packets that are lost, from 0 to 1; UDP only, as the following ones.
    pub loss: f64,
    /// Share of the packets that arrive twice.
    pub duplicate: f64,
    /// Share of the packets that are held for [`Impairment::reorder_by`] longer.
    pub reorder: f64,
    pub reorder_by: Nanos,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Times at which nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// From the start of one to the start of the next. The first starts this long after the relay.
    pub every: Nanos,
    /// The length of each, less than `every`.
    pub span: Nanos,
}

/// Connections that are reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reset {
    /// Bytes that such a connection carries before, in both directions together.
    pub after: Bytes,
    /// Share of the connections, from 0 to 1.
    pub share: f64,
}

impl Stall {
    /// Returns the instant from which on something can pass that is due at `due`, in a relay that started at `start`.
    #[must_use]
    pub const fn passed(self, start: Mono, due: Mono) -> Mono {
        let since = due.since(start).0;
        if self.every.0 == 0 || since < self.every.0 {
            return due;
        }
        let into = since % self.every.0;
        if into < self.span.0 { due.after(Nanos(self.span.0 - into)) } else { due }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_in_a_stall_passes_at_its_end() {
        let stall = Stall { every: Nanos(1_000), span: Nanos(100) };
        let at = |due: u64| stall.passed(Mono(50), Mono(50 + due)).0 - 50;
        assert_eq!([at(0), at(99), at(999)], [0, 99, 999], "the first starts after `every`");
        assert_eq!([at(1_000), at(1_099), at(1_100)], [1_100, 1_100, 1_100]);
        assert_eq!([at(5_020), at(5_999)], [5_100, 5_999]);
    }
}
