//! Notices when an event loop did not run although it was due: its process was stopped or frozen, or the hypervisor had its CPU.
//!
//! A beat is due every [`PERIOD`]. The part of its lateness in which the thread used a CPU itself, or waited for a CPU that another
//! thread used, is explained. The rest is a stall.

use std::cell::RefCell;
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crate::clock::{Mono, STAT_TICK, thread_cpu};
use crate::timer::Timer;
use crate::units::Nanos;

/// The time between two beats.
pub const PERIOD: Nanos = Nanos::from_millis(2);

/// The shortest stall that is counted.
pub const LEAST: Nanos = Nanos::from_millis(2);

/// The interval between two readings of the stolen time of the host. A short interval keeps time that was stolen before a stall out of
/// it; reading takes about 50 µs.
const STEAL_AGE: Nanos = Nanos::from_millis(100);

/// A span in which the event loop did not run: from the last instant at which it is known to have run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    pub from: Mono,
    pub until: Mono,
    /// The part of it that the hypervisor can have taken, from the stolen time of all CPUs in it and up to 100 ms before it.
    pub stolen: Nanos,
}

impl Stall {
    /// Returns its length.
    pub const fn span(&self) -> Nanos {
        self.until.since(self.from)
    }
}

/// The heartbeat of one event loop, which belongs to the thread that called [`Heartbeat::beat_until`] last. Calls from other threads
/// find nothing.
#[derive(Debug)]
pub struct Heartbeat {
    /// The time between two beats.
    period: Nanos,
    /// The instant from which a missing beat is a stall.
    late_at: AtomicU64,
    last: Mutex<Beat>,
    steal: Mutex<Steal>,
}

/// The stolen time of all CPUs of the host.
#[derive(Debug, Clone, Copy, Default)]
struct Steal {
    at: Mono,
    /// Zero where it cannot be read.
    sum: Nanos,
}

#[derive(Debug, Clone, Copy)]
struct Beat {
    at: Mono,
    thread: ThreadId,
    /// Absent where the kernel keeps no account of it.
    account: Option<Account>,
}

/// The time of a thread until now.
#[derive(Debug, Clone, Copy)]
struct Account {
    on_cpu: Nanos,
    /// Runnable, without a CPU.
    waiting: Nanos,
}

impl Default for Heartbeat {
    /// Starts a heartbeat with a beat every [`PERIOD`].
    fn default() -> Self {
        Self::every(PERIOD)
    }
}

impl Heartbeat {
    /// Starts a heartbeat of another period with a first beat now, of the calling thread.
    pub fn every(period: Nanos) -> Self {
        let beat = Beat::now(Mono::now());
        Self {
            period,
            late_at: AtomicU64::new(late_after(beat.at, period)),
            last: Mutex::new(beat),
            steal: Mutex::new(Steal::now(beat.at)),
        }
    }

    /// Returns whether stalls can be distinguished from waiting for a CPU: the kernel has `/proc/thread-self/schedstat`.
    pub fn is_known(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).account.is_some()
    }

    /// Beats every period until `end` resolves, and reports each stall to `found`.
    pub async fn beat_until<T>(&self, end: impl Future<Output = T>, found: impl Fn(Stall)) -> T {
        let mut timer = Timer::default();
        let beats = async {
            self.restart(Mono::now());
            loop {
                let woke = timer.until(Mono::now().after(self.period)).await;
                if let Some(stall) = self.beat(woke) {
                    found(stall);
                }
            }
        };
        tokio::select! {
            ended = end => ended,
            never = beats => never,
        }
    }

    /// Returns the stall that ended before `now` if a beat is missing. It costs one load if no beat is missing, so every task of the
    /// loop can call it.
    pub fn check(&self, now: Mono) -> Option<Stall> {
        if now.0 < self.late_at.load(Relaxed) { None } else { self.beat(now) }
    }

    /// Makes the calling thread the one that is watched.
    fn restart(&self, now: Mono) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Beat::now(now);
        self.late_at.store(late_after(now, self.period), Relaxed);
    }

    /// Records that the loop runs at `now`, which must be at most a period after the last beat. Returns the stall if it is not.
    pub fn beat(&self, now: Mono) -> Option<Stall> {
        let beat = Beat::now(now);
        let last = {
            let mut known = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if known.thread != beat.thread {
                return None;
            }
            std::mem::replace(&mut *known, beat)
        };
        self.late_at.store(late_after(now, self.period), Relaxed);
        let unexplained = now.since(last.at).minus(self.period).minus(beat.explained_since(&last)?);
        let is_stall = unexplained >= LEAST;
        let stolen = self.stolen(now, is_stall);
        is_stall.then(|| Stall { from: last.at, until: now, stolen: stolen.min(now.since(last.at)) })
    }

    /// Reads the stolen time if it is old or `wanted`, and returns how much there is more of it.
    fn stolen(&self, now: Mono, wanted: bool) -> Nanos {
        let mut known = self.steal.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted && now.since(known.at) < STEAL_AGE {
            return Nanos::ZERO;
        }
        let last = std::mem::replace(&mut *known, Steal::now(now));
        known.sum.minus(last.sum)
    }
}

impl Steal {
    fn now(at: Mono) -> Self {
        Self { at, sum: stolen().unwrap_or_default() }
    }
}

impl Beat {
    fn now(at: Mono) -> Self {
        let account = waiting().map(|waiting| Account { on_cpu: thread_cpu(), waiting });
        Self { at, thread: thread::current().id(), account }
    }

    /// Returns the time in which the thread ran or waited for a CPU since `last`; `None` where it is not known.
    fn explained_since(&self, last: &Self) -> Option<Nanos> {
        let (now, then) = (self.account?, last.account?);
        Some(now.on_cpu.minus(then.on_cpu).plus(now.waiting.minus(then.waiting)))
    }
}

const fn late_after(beat: Mono, period: Nanos) -> u64 {
    beat.after(period.plus(LEAST)).0
}

/// Returns the stolen time of all CPUs since the host started: the eighth figure of the first line of `/proc/stat`.
fn stolen() -> Option<Nanos> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: u64 = text.lines().next()?.split_ascii_whitespace().nth(8)?.parse().ok()?;
    Some(STAT_TICK.times(ticks))
}

thread_local! {
    static SCHEDSTAT: RefCell<Option<File>> = RefCell::new(File::open("/proc/thread-self/schedstat").ok());
}

/// Returns how long the calling thread has been runnable without a CPU: the second figure of `schedstat`.
fn waiting() -> Option<Nanos> {
    SCHEDSTAT.with_borrow(|file| {
        let mut text = [0; 96];
        let read = file.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..read]).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse().ok().map(Nanos)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_run_is_stalled_and_one_that_works_is_not() {
        let heartbeat = Heartbeat::default();
        assert!(heartbeat.is_known(), "the kernel keeps no account of waiting threads");
        let begun = Mono::now();
        thread::sleep(std::time::Duration::from_millis(30));
        let stall = heartbeat.check(Mono::now()).unwrap();
        assert!(stall.until.since(stall.from) >= Nanos::from_millis(30), "{stall:?}");
        assert!(stall.from <= begun);
        assert_eq!(heartbeat.check(Mono::now()), None, "it is reported once");

        let (busy, mut sum) = (Mono::now(), 0_u64);
        while thread_cpu_since(busy) < Nanos::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert_eq!(heartbeat.check(Mono::now()), None, "the time was the thread's own");
    }

    #[test]
    fn a_beat_of_another_period_is_late_after_that() {
        let heartbeat = Heartbeat::every(Nanos::from_millis(20));
        thread::sleep(std::time::Duration::from_millis(60));
        let stall = heartbeat.beat(Mono::now()).unwrap();
        assert!(stall.span() >= Nanos::from_millis(60), "{stall:?}");
        assert_eq!(heartbeat.beat(Mono::now()), None);
    }

    fn thread_cpu_since(start: Mono) -> Nanos {
        Mono::now().since(start)
    }

    #[tokio::test]
    async fn a_loop_that_runs_on_time_has_no_stall() {
        let heartbeat = Heartbeat::default();
        let stalls = Mutex::new(Vec::new());
        let end = tokio::time::sleep(std::time::Duration::from_millis(50));
        heartbeat.beat_until(end, |stall| stalls.lock().unwrap().push(stall)).await;
        // The hypervisor may take the CPU, but not for the whole time.
        let stalls = stalls.into_inner().unwrap();
        assert!(stalls.len() < 10, "{stalls:?}");
    }

    #[test]
    fn another_thread_is_not_taken_for_a_stall() {
        let heartbeat = Heartbeat::default();
        thread::sleep(std::time::Duration::from_millis(10));
        let found = thread::scope(|scope| scope.spawn(|| heartbeat.check(Mono::now())).join().unwrap());
        assert_eq!(found, None);
    }
}
