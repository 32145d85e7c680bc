//! Clocks. All measured instants come from `CLOCK_MONOTONIC`, which the processes of a host share.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// An instant of `CLOCK_MONOTONIC`, in nanoseconds since the host started. Comparable between processes of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
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

/// Returns the CPU time that the calling thread has used.
pub fn thread_cpu() -> Nanos {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Returns the CPU time that all threads of the process have used.
pub fn process_cpu() -> Nanos {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Returns the seconds since 1970, UTC.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs())
}

/// Formats `unix_seconds` as RFC 3339 in UTC, for example `2026-11-20T18:30:05Z`.
pub fn rfc3339(unix_seconds: u64) -> String {
    let (year, month, day) = civil_date(unix_seconds / 86_400);
    let second = unix_seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Parses the texts that [`rfc3339`] writes; returns `None` for every other text.
pub fn unix_of(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // `days_from_civil`, the inverse of `civil_date`. The comparison at the end rejects values that are out of range.
    let shifted_year = year.checked_sub(u64::from(month <= 2))?;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let year_of_era = shifted_year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (shifted_year / 400 * 146_097 + day_of_era).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    (rfc3339(seconds) == text).then_some(seconds)
}

/// Converts days since 1970-01-01 into year, month and day by the 400-year cycle of the Gregorian calendar
/// (the `civil_from_days` algorithm of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
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
