//! The stalls of the generator within one trial, and which requests they overlap.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::watched::Stalled;
use harness_base::clock::Mono;
use harness_base::heartbeat::Stall;
use harness_base::units::Nanos;

/// A request is left out of the latencies if stalls take more than 1/10 of its time. A smaller part changes its latency by less than the
/// 10 % within which results must be correct.
const LARGEST_PART: u64 = 10;

/// The stalls of a trial, in order.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// Whether there is a stall; requests take the lock only then.
    any: AtomicBool,
    spans: Mutex<Vec<Span>>,
}

/// A stall with its backlog.
#[derive(Debug, Clone, Copy)]
struct Span {
    stall: Stall,
    /// The last instant at which a request was due that waited behind those of the stall.
    backlog_until: Mono,
}

impl Stalls {
    pub(super) fn add(&self, stall: Stall) {
        self.spans().push(Span { stall, backlog_until: stall.until });
        self.any.store(true, Relaxed);
    }

    /// Extends the last stall by a request that was due at `intended` and is sent late at `now`. The backlog of a stall is at
    /// most as long as the stall, because the target causes lateness that lasts longer.
    pub(super) fn late(&self, intended: Mono, now: Mono) {
        if !self.any.load(Relaxed) {
            return;
        }
        if let Some(last) = self.spans().last_mut()
            && now <= last.stall.until.after(last.stall.span())
        {
            last.backlog_until = last.backlog_until.max(intended);
        }
    }

    /// Returns whether stalls and their backlogs take more than a tenth of the time that a request was under way. A request that the
    /// target delays for much longer than the stall stays in the latencies.
    pub(super) fn overlap(&self, intended: Mono, ended: Mono) -> bool {
        if !self.any.load(Relaxed) {
            return false;
        }
        let inside = |span: &Span| span.backlog_until.min(ended).since(span.stall.from.max(intended));
        let spans = self.spans();
        let recent = spans.iter().rev().take_while(|span| span.backlog_until > intended);
        recent.map(inside).fold(Nanos::ZERO, Nanos::plus).times(LARGEST_PART) > ended.since(intended)
    }

    /// Returns the length of all stalls between two instants.
    pub(super) fn within(&self, from: Mono, until: Mono) -> Nanos {
        let inside = |span: &Span| span.stall.until.min(until).since(span.stall.from.max(from));
        self.spans().iter().map(inside).fold(Nanos::ZERO, Nanos::plus)
    }

    /// Returns the stalls as spans since `start`.
    pub(super) fn since(&self, start: Mono) -> Vec<Stalled> {
        let since = |at: Mono| at.0 as i64 - start.0 as i64;
        let stalled = |span: &Span| Stalled { from_ns: since(span.stall.from), until_ns: since(span.stall.until) };
        self.spans().iter().map(stalled).collect()
    }

    fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    const fn stall(from: u64, until: u64) -> Stall {
        Stall { from: ms(from), until: ms(until), stolen: Nanos::ZERO }
    }

    #[test]
    fn requests_under_way_during_a_stall_or_its_backlog_overlap_it() {
        let stalls = Stalls::default();
        assert!(!stalls.overlap(ms(0), ms(1_000)));
        stalls.add(stall(100, 200));
        assert!(stalls.overlap(ms(99), ms(101)) && stalls.overlap(ms(150), ms(210)) && stalls.overlap(ms(1), ms(300)));
        assert!(!stalls.overlap(ms(90), ms(100)) && !stalls.overlap(ms(203), ms(204)));
        stalls.late(ms(203), ms(210));
        assert!(stalls.overlap(ms(198), ms(212)), "it waited behind those of the stall");
        stalls.late(ms(310), ms(320));
        assert!(!stalls.overlap(ms(310), ms(330)), "lateness that lasts is the target's");
        assert!(!stalls.overlap(ms(100), ms(1_200)), "the target took more than ten times as long as the stall");
    }

    #[test]
    fn only_the_part_inside_counts() {
        let stalls = Stalls::default();
        stalls.add(stall(100, 200));
        stalls.add(stall(300, 350));
        assert_eq!(stalls.within(ms(150), ms(320)), Nanos::from_millis(70));
        assert_eq!(stalls.within(ms(200), ms(300)), Nanos::ZERO);
        let since = stalls.since(ms(150));
        assert_eq!(since[0], Stalled { from_ns: -50_000_000, until_ns: 50_000_000 });
        assert_eq!((since.len(), since[1].from_ns), (2, 150_000_000));
    }
}
