//! Sampler: a thread that reads `/proc` at 10 Hz inside announced windows, exactly at their edges included.
//!
//! It writes down raw counters and levels; `measure::usage` derives rates later. Between windows it sleeps: what nobody
//! will read must not cost the target a cycle. A reading that could not be taken in time is missing, never invented.

mod look;
mod process;
mod tree;
mod watched;
mod window;
mod worker;

use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use harness_base::clock::Mono;

pub use watched::{Tree, Watched};
pub use window::{Cost, Window};

/// Why the sampler could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No thread to run on.
    #[error("the sampler's thread could not be started: {0}; look at the limits of processes and memory (ulimit -u)")]
    Thread(#[source] std::io::Error),
}

/// The running thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Sampler {
    orders: Sender<worker::WindowRequest>,
    thread: JoinHandle<Cost>,
}

/// A window that was announced and has not ended yet.
#[derive(Debug)]
#[must_use = "a window nobody waits for is measured in vain"]
pub struct Pending(oneshot::Receiver<Window>);

impl Sampler {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the host has no thread left.
    pub fn start(watched: Watched) -> Result<Self, Error> {
        let (orders, inbox) = channel();
        let work = move || worker::Worker::new(&watched).run(&inbox);
        let thread = Builder::new().name("sampler".to_owned()).spawn(work).map_err(Error::Thread)?;
        Ok(Self { orders, thread })
    }

    /// Announces a window. Windows are taken one after the other, in the order of their announcement. Announce one
    /// 20 ms ahead or earlier: one that is announced late begins late, which its first reading tells.
    pub fn window(&self, start: Mono, end: Mono) -> Pending {
        let (reply, pending) = oneshot::channel();
        // A thread that is gone drops the reply, and the window comes back empty.
        drop(self.orders.send(worker::WindowRequest { start, end, reply }));
        Pending(pending)
    }

    /// Ends the thread; windows under way return what they have.
    pub fn stop(self) -> Cost {
        drop(self.orders);
        self.thread.join().unwrap_or_default()
    }
}

impl Pending {
    /// Waits for the window's end. It can be given up and taken up again.
    pub async fn finish(&mut self) -> Window {
        (&mut self.0).await.unwrap_or_default()
    }

    /// Like [`Pending::finish`], for a thread that runs no tokio tasks.
    pub fn wait(self) -> Window {
        self.0.blocking_recv().unwrap_or_default()
    }
}
