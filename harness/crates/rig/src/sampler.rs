//! Sampler: a thread that reads `/proc` at 10 Hz inside announced windows, exactly at their edges included.
//!
//! It writes down raw counters and levels; `measure::usage` derives rates later. Between windows it sleeps: what nobody
//! will read must not cost the target a cycle. A reading that could not be taken in time is missing, never invented.

mod look;
mod process;
mod tree;
mod worker;

use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use crate::threads::ThreadsUsage;
use crate::usage::{Reading, Series};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// A target and everything it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub pid: i32,
    /// Value of [`crate::launch::MARK`] in its environment; without one, children orphaned to the keeper are not found.
    pub mark: Option<String>,
    /// Whether its control group is its own, and so to be read as well: that in which the process lives when the sampler starts.
    pub group: bool,
}

/// The processes to watch, by pid. Each must live when the sampler starts: from then on a number given again to another
/// process is told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    pub target: Option<Tree>,
    pub generator: Option<i32>,
    /// The upstream, where it is ours.
    pub upstream: Option<i32>,
    /// The keeper, to which orphans of the target are re-parented.
    pub keeper: Option<i32>,
}

/// What was seen over one window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// From the start edge to the end edge, both included. Shorter where the sampler was stopped in between. The group's peak
    /// is started anew before that of the first reading is taken, where the kernel permits it (version 2 from Linux 6.12 on).
    pub readings: Series<Reading>,
    /// Peak resident memory of the target inside the window in bytes: VmHWM, reset at the start edge; `None` where the
    /// kernel does not permit the reset or the target is gone at the end edge. Of a tree it is the sum over its
    /// processes, which is an upper bound: their peaks need not coincide and shared pages are counted in each.
    pub peak_rss_bytes: Option<u64>,
    /// What the target's threads did between the edges; `None` where the kernel does not tell, or the sampler was stopped before the
    /// end edge.
    pub target_threads: Option<ThreadsUsage>,
}

/// What the sampler itself used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// CPU time of its thread.
    pub cpu: Nanos,
    /// Time it spent inside windows. Between them it sleeps, which would flatter the ratio.
    pub ran: Nanos,
}

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

impl Cost {
    /// CPU time ÷ time spent inside windows, as a share of one core; `None` before the first window.
    pub fn ratio(self) -> Option<f64> {
        (self.ran > Nanos::ZERO).then(|| self.cpu.0 as f64 / self.ran.0 as f64)
    }
}
