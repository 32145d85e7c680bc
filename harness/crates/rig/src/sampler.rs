//! A thread that reads `/proc` at 10 Hz inside announced windows, including exactly at their edges.
//!
//! It records raw counters and levels; rates are derived later in [`crate::usage`]. Between windows it sleeps, so that it costs the
//! target nothing. A reading that could not be taken in time is missing, never invented.

mod launch_watch;
mod look;
mod priority;
mod process;
mod tree;
mod watched;
mod window;
mod worker;

use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use harness_base::clock::Mono;

pub use launch_watch::LaunchWatch;
pub use watched::{Container, Tree, Watched};
pub use window::{Cost, Window};

/// The reason why the sampler could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thread could not be started.
    #[error("the sampler's thread could not be started: {0}; check the limits of processes and memory (ulimit -u)")]
    Thread(std::io::Error),
}

/// The running thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Sampler {
    requests: Sender<worker::WindowRequest>,
    thread: JoinHandle<Cost>,
}

/// An announced window that has not ended yet.
#[derive(Debug)]
#[must_use = "a window is measured without effect unless its result is awaited"]
pub struct Pending(oneshot::Receiver<Window>);

impl Sampler {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns an error when the host has no thread left.
    pub fn start(watched: Watched) -> Result<Self, Error> {
        let (requests, inbox) = channel();
        let work = move || {
            priority::raise();
            worker::Worker::new(&watched).run(&inbox)
        };
        let thread = Builder::new().name("sampler".to_owned()).spawn(work).map_err(Error::Thread)?;
        Ok(Self { requests, thread })
    }

    /// Announces a window. Windows are sampled one after the other, in the order of their announcement. A window should be announced
    /// at least 20 ms ahead: one that is announced late begins late, which its first reading shows.
    pub fn window(&self, start: Mono, end: Mono) -> Pending {
        let (reply, pending) = oneshot::channel();
        // If the thread has ended, the reply is dropped and the window is empty.
        drop(self.requests.send(worker::WindowRequest { start, end, reply }));
        Pending(pending)
    }

    /// Ends the thread. Unfinished windows return the readings that they have.
    pub fn stop(self) -> Cost {
        drop(self.requests);
        self.thread.join().unwrap_or_default()
    }
}

impl Pending {
    /// Waits for the end of the window. The future can be dropped and created again.
    pub async fn finish(&mut self) -> Window {
        (&mut self.0).await.unwrap_or_default()
    }

    /// Like [`Pending::finish`], for a thread that runs no tokio tasks.
    pub fn wait(self) -> Window {
        self.0.blocking_recv().unwrap_or_default()
    }
}
