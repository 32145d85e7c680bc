//! Clocks. All measured instants come from `CLOCK_MONOTONIC`, which the processes of a host share.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::units::Nanos;

/// An instant of `CLOCK_MONOTONIC`, in nanoseconds since the host started. Comparable between processes of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
#[cfg_attr(feature = "schema", schemars(inline))]
pub struct Mono(pub u64);

impl Mono {
    pub fn now() -> Self {
        Self(read(ClockId::CLOCK_MONOTONIC).0)
    }

    /// Returns the time from `earlier` to `self`, or zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the instant `span` later, saturating at the largest value.
    pub const fn after(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the time from now until `self`, or zero when it has passed.
    pub fn remaining(self) -> Nanos {
        self.since(Self::now())
    }
}

/// The resolution of the CPU times of the host in `/proc/stat`: `USER_HZ` is 100 on every architecture that Linux still supports.
pub const STAT_TICK: Nanos = Nanos::from_millis(10);

/// Returns the CPU time that the calling thread has used.
pub fn thread_cpu() -> Nanos {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the CPU time that all threads of the process have used.
pub fn process_cpu() -> Nanos {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Returns the time of `CLOCK_REALTIME` since 1970, which steps when the clock is set. The kernel stamps received packets with it.
pub fn real_time() -> Nanos {
    read(ClockId::CLOCK_REALTIME)
}

/// Returns the seconds since 1970, UTC.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs())
}

/// Formats `unix_seconds` as RFC 3339 in UTC, for example `2026-11-20T18:30:05Z`; empty beyond the year 9999.
pub fn rfc3339(unix_seconds: u64) -> String {
    let at = i64::try_from(unix_seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Parses a text as [`rfc3339`] writes it into seconds since 1970; `None` for every other text.
pub fn unix_of(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(at.unix_timestamp()).ok()?;
    (rfc3339(seconds) == text).then_some(seconds)
}

/// Reads a clock. Linux has had these clocks since 2.6.12, so the call cannot fail; a failure would read as 0.
fn read(clock: ClockId) -> Nanos {
    clock_gettime(clock)
        .map_or(Nanos::ZERO, |time| Nanos(time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_199_405), "2026-11-20T18:30:05Z");
    }

    #[test]
    fn only_texts_that_rfc3339_writes_are_parsed() {
        for seconds in (0..4_000_000_000).step_by(86_400 * 13 + 4_711).chain([951_782_400, 1_795_199_405]) {
            assert_eq!(unix_of(&rfc3339(seconds)), Some(seconds), "{}", rfc3339(seconds));
        }
        for wrong in [
            "",
            "2026-11-20",
            "2026-11-20T18:30:05",
            "2026-11-20T18:30:05+01:00",
            "2026-11-20 18:30:05Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T18:60:05Z",
            "1969-12-31T23:59:59Z",
            "2026-11-20T18:30:05Z ",
            "+026-11-20T18:30:05Z",
            "ä026-11-20T18:30:05Z",
        ] {
            assert_eq!(unix_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_are_ordered_and_spans_never_wrap() {
        let earlier = Mono::now();
        let later = Mono::now();
        assert!(later >= earlier);
        assert_eq!(earlier.since(earlier.after(Nanos(5))), Nanos::ZERO);
    }
}
