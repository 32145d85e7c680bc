//! A thread that watches the other containers of a pod come up.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use super::found::Found;
use super::processes::{PROC, cgroup};
use super::seen::{Seen, Unseen};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The sleep between two looks: the resolution of [`Found::spawned`], together with the look itself.
const PAUSE: Nanos = Nanos::from_micros(300);

/// A running watch. Its thread ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    seen: Mutex<Seen>,
    stopped: AtomicBool,
}

impl Watch {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns an error when `/proc` cannot be read, or there is no thread left.
    pub fn start() -> io::Result<Self> {
        let (proc, own) = (Path::new(PROC), std::process::id().cast_signed());
        let own = cgroup(proc, own).ok_or_else(|| io::Error::other("/proc/self/cgroup cannot be read"))?;
        let shared = Arc::new(Shared { seen: Mutex::new(Seen::new(own)), stopped: AtomicBool::new(false) });
        let watching = Arc::clone(&shared);
        Builder::new().name("pod".to_owned()).spawn(move || watching.run(proc))?;
        Ok(Self(shared))
    }

    /// Ends the thread. What was seen stays known.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Returns the first container beside this one that executed its program; `None` before that.
    pub fn first(&self) -> Option<Found> {
        self.0.seen().first()
    }

    /// Returns the container with this id, if its program was executed, and its control group is named after it.
    pub fn containing(&self, id: &str) -> Option<Found> {
        self.0.seen().containing(id)
    }

    /// Returns the container that must have this id because there is no other, where control groups are not named after containers.
    ///
    /// # Errors
    /// Returns why it is not known.
    pub fn unnamed(&self, id: &str) -> Result<Found, Unseen> {
        self.0.seen().unnamed(id)
    }

    /// Returns the only container beside this one and `target`; `None` if there are several or none.
    pub fn beside(&self, target: &Found) -> Option<Found> {
        self.0.seen().beside(target)
    }
}

impl Shared {
    fn run(&self, proc: &Path) {
        while !self.stopped.load(Ordering::Relaxed) {
            let now = Mono::now();
            self.seen().look(proc, now);
            std::thread::sleep(PAUSE.duration());
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}
