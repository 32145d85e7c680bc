//! Reads `[stage.soak]`.

use super::facts::{Budget, FEWEST_WINDOWS, Floors};
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, check_window, longer_than_0, read_closed, read_open, read_ramp};
use crate::spec::Section;
use crate::work::{self, load::LoadWork};
use harness_base::units::{Bytes, BytesPerDay, CountPerDay, Nanos, Ratio};

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "loads the target for hours, to find leaks and drift" };

/// Default number of windows.
const WINDOWS: u64 = 60;

/// Largest number of windows: every pair of them is a slope, and their record has to stay small.
const MOST_WINDOWS: u64 = 240;

const SECOND: Nanos = Nanos::from_secs(1);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_requests(section, base);
    read_soak(section).into()
}

/// Reads the load and its windows. It is an open loop unless `vus` is written.
fn read_soak(section: &Section<'_>) -> Work {
    let closed = section.has("vus") && !section.has("rate");
    let (pace, connections) = if closed { read_closed(section, CONNECTIONS) } else { read_open(section) };
    if section.describing() {
        read_closed(section, CONNECTIONS);
    }
    let duration = section.field("duration", "measured time").check(longer_than_0).default(Nanos::from_secs(4 * 3600));
    let warmup = section
        .field("warmup", "discarded part before the first window; default: a twelfth of the duration")
        .optional()
        .unwrap_or(Nanos(duration.0 / 12));
    let ramp = read_ramp(section, warmup, "windows must see the full load: lengthen warmup");
    let window = read_window(section, duration);
    let windows = duration.0 / window.0;
    if windows < FEWEST_WINDOWS {
        let message = format!(
            "{} is {windows} windows of {}, but a slope needs at least {FEWEST_WINDOWS}",
            duration.notation(),
            window.notation()
        );
        section.mistake("duration", message, Some("lengthen it, or shorten window".to_owned()));
    }
    if windows > MOST_WINDOWS {
        let message = format!("{} makes {windows} windows, at most {MOST_WINDOWS} are allowed", window.notation());
        section.mistake("window", message, Some("lengthen it".to_owned()));
    }
    check_window(section, pace, window);
    let load = LoadWork { ramp, ..LoadWork::one_round(pace, connections, warmup, window.times(windows)) };
    let budget =
        read_budget(&section.table("budget", "permitted growth per day, and permitted change of p99 and rate"));
    let min_abs = read_floors(
        &section.table("min_abs", "changes from the first third to the last up to these values never count"),
    );
    Work { load, window, budget, min_abs }
}

/// Reads the length of a window; by default a sixtieth of the duration in whole seconds.
fn read_window(section: &Section<'_>, duration: Nanos) -> Nanos {
    let whole = |window: &Nanos| {
        let fits = *window >= SECOND && window.0.is_multiple_of(SECOND.0);
        if fits { Ok(()) } else { Err(format!("must be whole seconds, at least 1s, is {}", window.notation())) }
    };
    let sixtieth = SECOND.times(duration.0 / WINDOWS / SECOND.0).max(SECOND);
    section
        .field(
            "window",
            "length of a window, one value of each series; default: a sixtieth of the duration, at least 1 s",
        )
        .check(whole)
        .optional()
        .unwrap_or(sixtieth)
}

fn read_budget(section: &Section<'_>) -> Budget {
    let share = |ratio: &Ratio| {
        if ratio.0 >= 0.0 { Ok(()) } else { Err(format!("must not be negative, is {}", ratio.notation())) }
    };
    let memory = section.field("memory", "growth of the memory troughs").default(BytesPerDay(50.0 * 1_048_576.0));
    let descriptors = section.field("descriptors", "growth of open descriptors").default(CountPerDay(100.0));
    let threads = section.field("threads", "growth of threads").default(CountPerDay(10.0));
    let p99 = section.field("p99", "rise of p99 over the soak; an alert beyond it").check(share).default(Ratio(0.5));
    let rate =
        section.field("rate", "loss of rate over the soak; an alert beyond it").check(share).default(Ratio(0.05));
    Budget {
        memory_bytes_per_day: memory.0,
        descriptors_per_day: descriptors.0,
        threads_per_day: threads.0,
        p99_ratio: p99.0,
        rate_ratio: rate.0,
    }
}

fn read_floors(section: &Section<'_>) -> Floors {
    let p99: Nanos = section.field("p99", "rise of p99").default(Nanos::from_millis(1));
    Floors {
        memory_bytes: section.field("memory", "growth of memory").default(Bytes::from_mebi(8)).0,
        descriptors: section.field("descriptors", "more open descriptors").default(20),
        threads: section.field("threads", "more threads").default(4),
        p99_ns: p99.0,
    }
}
