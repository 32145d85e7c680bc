//! Counts the rounds of a stage or of an instance, and decides when no further one may be rejected.

use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// How many times as long as planned the rounds may take on a disturbed host.
const PATIENCE: u64 = 4;

/// Number of wanted rounds, and of those that may still be rejected.
pub(crate) struct Tally {
    pub(crate) wanted: u64,
    pub(crate) valid: u64,
    /// Rejected rounds in which no rule about the host was violated.
    pub(crate) rejected: u64,
    /// Rejected rounds in which the host was disturbed.
    pub(crate) disturbed: u64,
    /// When the first round began, or the first since the rounds were resumed.
    pub(super) begun: Option<Mono>,
    /// How long the rounds took before they were paused.
    paused: Nanos,
    /// Time that the wanted rounds take on a quiet host.
    pub(crate) planned: Nanos,
    /// Earlier rounds of the stage, and all rounds, for progress.
    pub(crate) stage: (u64, u64),
    pub(crate) extent: Extent,
}

/// The rounds that a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those of all instances of the stage.
    Stage,
    /// Those of one instance, which is judged separately.
    Instance,
}

impl Tally {
    /// Creates a tally without rounds, of `wanted` rounds of this work.
    pub(crate) fn new(wanted: u64, (stage, work): (&Stage, &LoadWork), progress: (u64, u64), extent: Extent) -> Self {
        let builds = if stage.compared { 2 } else { 1 };
        let planned = work.round().times(wanted.saturating_add(work.instances)).times(builds);
        let (begun, paused) = (None, Nanos::ZERO);
        Self { wanted, valid: 0, rejected: 0, disturbed: 0, begun, paused, planned, stage: progress, extent }
    }

    /// Returns how long the rounds have taken.
    pub(super) fn took(&self) -> Nanos {
        self.begun.map_or(self.paused, |begun| self.paused.plus(Mono::now().since(begun)))
    }

    /// Stops its clock until the next round begins, because other cells run meanwhile.
    pub(crate) fn pause(&mut self) {
        self.paused = self.took();
        self.begun = None;
    }

    /// Returns whether no further round may be rejected after `took`. A round that a disturbed host spoiled costs time and not truth, so the
    /// rounds take up to [`PATIENCE`] times as long, unless as many rounds as wanted were all disturbed. At most ⌈rounds/2⌉ rounds are
    /// repeated for other reasons, which repeating does not remove.
    pub(super) fn exhausted(&self, took: Nanos) -> bool {
        let never_quiet = self.valid == 0 && self.disturbed > 2 * self.wanted;
        never_quiet || self.rejected > self.wanted.div_ceil(2) || took > self.planned.times(PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_turns_does_not_count() {
        let mut tally = Tally {
            wanted: 1,
            valid: 0,
            rejected: 0,
            disturbed: 0,
            begun: Some(Mono::now()),
            paused: Nanos::from_secs(3),
            planned: Nanos::ZERO,
            stage: (0, 1),
            extent: Extent::Stage,
        };
        tally.pause();
        let took = tally.took();
        assert!(took >= Nanos::from_secs(3) && tally.begun.is_none(), "{took}");
        assert_eq!(tally.took(), took, "its clock stands still");
    }

    #[test]
    fn half_as_many_rounds_again_may_be_rejected() {
        let planned = Nanos::from_secs(60);
        let tally = |wanted, rejected| Tally {
            wanted,
            valid: 1,
            rejected,
            disturbed: 0,
            begun: None,
            paused: Nanos::ZERO,
            planned,
            stage: (0, wanted),
            extent: Extent::Stage,
        };
        let now = Nanos::ZERO;
        assert!(!tally(10, 5).exhausted(now) && tally(10, 6).exhausted(now));
        assert!(!tally(7, 4).exhausted(now) && tally(7, 5).exhausted(now));
        assert!(!tally(10, 5).exhausted(Nanos::from_secs(240)), "four times as long as planned");
        assert!(tally(10, 5).exhausted(Nanos::from_secs(241)));
        let disturbed = |disturbed| Tally { valid: 0, disturbed, ..tally(10, 5) };
        assert!(!disturbed(20).exhausted(now) && disturbed(21).exhausted(now), "the host is never quiet");
    }
}
