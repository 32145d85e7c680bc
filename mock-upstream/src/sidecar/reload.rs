//! Reloads at SIGHUP: a version in a header of every answer, which is raised after a set time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use hyper::header::{HeaderName, HeaderValue};

use crate::flags::parse_duration;

/// The header with the version.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-version");

/// Connections over which `--reload-spread` is spread before it begins again.
const GROUPS: u64 = 10;

/// Flags of reloads.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReloadFlags {
    /// Answer with a header x-version, whose number is raised so long after each SIGHUP
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub reload_takes: Option<Duration>,
    /// Raise it on one connection after the other within this span after that: on ten connections at even distances
    #[arg(long, value_name = "SPAN", default_value = "0ms", value_parser = parse_duration, requires = "reload_takes")]
    pub reload_spread: Duration,
    /// Answer the first N requests after each SIGHUP with 503
    #[arg(long, value_name = "N", default_value_t = 0, requires = "reload_takes")]
    pub reload_drops: u64,
}

/// The reloads so far.
#[derive(Debug)]
pub(crate) struct Reloads {
    flags: ReloadFlags,
    /// When each SIGHUP was handled.
    began: RwLock<Vec<Mono>>,
    /// Requests that are still to be answered with 503.
    drops: AtomicU64,
}

impl Reloads {
    pub(crate) fn new(flags: &ReloadFlags) -> Self {
        Self { flags: flags.clone(), began: RwLock::default(), drops: AtomicU64::new(0) }
    }

    /// Returns whether SIGHUP reloads; otherwise it ends the process.
    pub(crate) const fn is_on(&self) -> bool {
        self.flags.reload_takes.is_some()
    }

    /// Begins a reload.
    pub(crate) fn begin(&self) {
        self.began.write().unwrap_or_else(PoisonError::into_inner).push(Mono::now());
        self.drops.fetch_add(self.flags.reload_drops, Relaxed);
    }

    /// Returns how many reloads have begun.
    pub(crate) fn count(&self) -> u64 {
        self.began.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Returns whether a request is dropped.
    pub(crate) fn drops(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        self.flags.reload_drops > 0 && self.drops.fetch_update(Relaxed, Relaxed, one_less).is_ok()
    }

    /// Returns the version that connection `number` sees now; `None` without reloads.
    pub(crate) fn version(&self, number: u64) -> Option<HeaderValue> {
        let after = self.flags.reload_takes?
            + self.flags.reload_spread * u32::try_from(number % GROUPS).ok()? / (GROUPS - 1) as u32;
        let now = Mono::now();
        let began = self.began.read().unwrap_or_else(PoisonError::into_inner);
        let done = began.iter().filter(|began| began.after(Nanos::of(after)) <= now).count();
        Some(HeaderValue::from(done as u64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_raised_on_one_connection_after_the_other() {
        let flags = |takes, spread| ReloadFlags {
            reload_takes: Some(Duration::from_secs(takes)),
            reload_spread: Duration::from_secs(spread),
            reload_drops: 2,
        };
        let reloads = Reloads::new(&flags(0, 1000));
        assert_eq!((reloads.version(0).unwrap(), reloads.drops()), (HeaderValue::from(1), false));
        reloads.begin();
        assert_eq!([0, 9, 10].map(|number| reloads.version(number).unwrap()), [2, 1, 2].map(HeaderValue::from));
        assert_eq!([reloads.drops(), reloads.drops(), reloads.drops()], [true, true, false]);
        let slow = Reloads::new(&flags(1000, 0));
        slow.begin();
        assert_eq!((slow.version(0).unwrap(), slow.count()), (HeaderValue::from(1), 1));
        assert!(Reloads::new(&ReloadFlags::default()).version(0).is_none());
    }
}
