//! Reloads at SIGHUP or at a request to the admin port: a version in a header of every answer, which is raised after a set time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use hyper::header::HeaderName;

use crate::flags::parse_duration;

/// The header with the version.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-version");

/// Connections over which `--reload-spread` is spread before it begins again.
const GROUPS: u64 = 10;

/// Flags of reloads.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReloadFlags {
    /// Answer with a header x-version, whose number is raised so long after each SIGHUP and each POST of /reload at the admin port
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub reload_takes: Option<Duration>,
    /// Raise it on one connection after the other within this span after that: on ten connections at even distances
    #[arg(long, value_name = "SPAN", default_value = "0ms", value_parser = parse_duration, requires = "reload_takes")]
    pub reload_spread: Duration,
    /// Read the version from this file, at the start and when a reload begins, instead of counting
    #[arg(long, value_name = "FILE", requires = "reload_takes")]
    pub reload_file: Option<PathBuf>,
    /// Put the version into JSON objects too, as the member `version` of an answer's body
    #[arg(long, requires = "reload_takes")]
    pub reload_in_body: bool,
    /// Answer the first N requests after each reload has begun with 503
    #[arg(long, value_name = "N", default_value_t = 0, requires = "reload_takes")]
    pub reload_drops: u64,
    /// Close the connections of the first N requests after each reload has begun without an answer; on HTTP/2, their streams
    #[arg(long, value_name = "N", default_value_t = 0, requires = "reload_takes")]
    pub reload_closes: u64,
    /// Name the next version already in the first N answers after each reload has begun, and the old one again in those after them
    #[arg(long, value_name = "N", default_value_t = 0, requires = "reload_takes")]
    pub reload_early: u64,
    /// Answer POST of /reload with 200 without a reload
    #[arg(long, requires = "reload_takes")]
    pub reload_ignored: bool,
}

/// The reloads so far.
#[derive(Debug)]
pub(crate) struct Reloads {
    flags: ReloadFlags,
    /// The version before all of them.
    first: u64,
    /// When each of them has begun, and its version.
    began: RwLock<Vec<(Mono, u64)>>,
    /// Requests that are still to be answered with 503.
    drops: AtomicU64,
    /// Requests whose connections are still to be closed.
    closes: AtomicU64,
    /// Answers that are still to name the next version.
    early: AtomicU64,
}

impl Reloads {
    pub(crate) fn new(flags: &ReloadFlags) -> Self {
        let none = || AtomicU64::new(0);
        let first = flags.reload_file.as_deref().and_then(read).unwrap_or(1);
        let (drops, closes, early) = (none(), none(), none());
        Self { flags: flags.clone(), first, began: RwLock::default(), drops, closes, early }
    }

    /// Returns whether SIGHUP reloads; otherwise it ends the process.
    pub(crate) const fn is_on(&self) -> bool {
        self.flags.reload_takes.is_some()
    }

    /// Returns whether bodies have the version too.
    pub(crate) const fn is_in_body(&self) -> bool {
        self.flags.reload_in_body
    }

    /// Begins a reload.
    pub(crate) fn begin(&self) {
        let mut began = self.began.write().unwrap_or_else(PoisonError::into_inner);
        let before = began.last().map_or(self.first, |(_, version)| *version);
        let version = match &self.flags.reload_file {
            None => before + 1,
            // A file that cannot be read changes nothing.
            Some(file) => read(file).unwrap_or(before),
        };
        began.push((Mono::now(), version));
        drop(began);
        self.drops.fetch_add(self.flags.reload_drops, Relaxed);
        self.closes.fetch_add(self.flags.reload_closes, Relaxed);
        self.early.store(self.flags.reload_early, Relaxed);
    }

    /// Obeys a request to reload, unless a flag says that it is only answered.
    pub(crate) fn ask(&self) {
        if !self.flags.reload_ignored {
            self.begin();
        }
    }

    /// Returns how many reloads have begun.
    pub(crate) fn count(&self) -> u64 {
        self.began.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Returns whether a request is dropped.
    pub(crate) fn drops(&self) -> bool {
        take(&self.drops)
    }

    /// Returns whether a request costs its connection.
    pub(crate) fn closes(&self) -> bool {
        take(&self.closes)
    }

    /// Returns the version that an answer on connection `number` names now; `None` without reloads.
    pub(crate) fn version(&self, number: u64) -> Option<u64> {
        let after = self.flags.reload_takes?
            + self.flags.reload_spread * u32::try_from(number % GROUPS).ok()? / (GROUPS - 1) as u32;
        let now = Mono::now();
        let began = self.began.read().unwrap_or_else(PoisonError::into_inner);
        let done = began.iter().filter(|(began, _)| began.after(Nanos::of(after)) <= now).count();
        let is_early = done < began.len() && take(&self.early);
        let latest = began[..done + usize::from(is_early)].last();
        Some(latest.map_or(self.first, |(_, version)| *version))
    }
}

/// Reads the number in a file.
fn read(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Takes one of those that are left. Returns whether there was one.
fn take(left: &AtomicU64) -> bool {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// Returns a JSON object with the version as its first member; a body of another kind as it is.
pub(crate) fn with_version(body: &[u8], version: u64) -> Vec<u8> {
    let Some(members) = body.trim_ascii_start().strip_prefix(b"{") else { return body.to_vec() };
    let comma = if members.trim_ascii_start().starts_with(b"}") { "" } else { "," };
    [format!("{{\"version\":{version}{comma}").as_bytes(), members].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(takes: u64, spread: u64) -> ReloadFlags {
        ReloadFlags {
            reload_takes: Some(Duration::from_secs(takes)),
            reload_spread: Duration::from_secs(spread),
            reload_drops: 2,
            ..ReloadFlags::default()
        }
    }

    #[test]
    fn the_version_is_raised_on_one_connection_after_the_other() {
        let reloads = Reloads::new(&flags(0, 1000));
        assert_eq!((reloads.version(0), reloads.drops()), (Some(1), false));
        reloads.begin();
        assert_eq!([0, 9, 10].map(|number| reloads.version(number)), [Some(2), Some(1), Some(2)]);
        assert_eq!([reloads.drops(), reloads.drops(), reloads.drops()], [true, true, false]);
        assert!(!reloads.closes());
        let slow = Reloads::new(&flags(1000, 0));
        slow.begin();
        assert_eq!((slow.version(0), slow.count()), (Some(1), 1));
        assert!(Reloads::new(&ReloadFlags::default()).version(0).is_none());
    }

    #[test]
    fn a_version_can_be_named_early_and_a_request_be_ignored() {
        let early = Reloads::new(&ReloadFlags { reload_early: 2, ..flags(1000, 0) });
        assert_eq!(early.version(0), Some(1));
        early.ask();
        assert_eq!([0; 3].map(|number| early.version(number)), [Some(2), Some(2), Some(1)]);
        let ignored = Reloads::new(&ReloadFlags { reload_ignored: true, ..flags(0, 0) });
        ignored.ask();
        assert_eq!((ignored.version(0), ignored.count()), (Some(1), 0));
        ignored.begin();
        assert_eq!(ignored.version(0), Some(2), "a signal is obeyed");
    }

    #[test]
    fn a_version_can_come_from_a_file() {
        let file = std::env::temp_dir().join(format!("reload-version-{}", std::process::id()));
        std::fs::write(&file, "7\n").unwrap();
        let reloads = Reloads::new(&ReloadFlags { reload_file: Some(file.clone()), ..flags(0, 0) });
        std::fs::write(&file, "9\n").unwrap();
        assert_eq!(reloads.version(0), Some(7), "nothing was reloaded");
        reloads.begin();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(reloads.version(0), Some(9));
        reloads.begin();
        assert_eq!((reloads.version(0), reloads.count()), (Some(9), 2));
    }

    #[test]
    fn a_body_that_is_an_object_has_the_version() {
        let of = |body: &str| String::from_utf8(with_version(body.as_bytes(), 7)).unwrap();
        assert_eq!(of("{\"id\":1}"), "{\"version\":7,\"id\":1}");
        assert_eq!((of(" { }").as_str(), of("[1]").as_str(), of("").as_str()), ("{\"version\":7 }", "[1]", ""));
    }
}
