//! The relay between clients and servers of the test: what it may never do, and what its counters say about it.
//!
//! How exact its delays are is measured by the tests of the harness, because these tests run beside each other.

mod packets;
mod streams;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use clap::Parser;
use mock_upstream::relay::{Args, RelayReport, Relaying};
use tokio::sync::oneshot;

/// A relay on a thread of its own, which ends with it.
struct Running {
    address: SocketAddr,
    counts: Box<dyn Fn() -> RelayReport + Send>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a relay to `to`, with flags separated by spaces.
fn relay(to: SocketAddr, flags: &str) -> Running {
    let to = to.to_string();
    let own = ["relay", "--listen", "127.0.0.1:0", "--to", &to];
    let args = Args::parse_from(own.into_iter().chain(flags.split_whitespace()));
    let (sender, ready) = mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let relaying = Relaying::bind(&args).unwrap();
            sender.send((relaying.addresses()[0], relaying.counts())).unwrap();
            relaying
                .serve(async {
                    let _ = stopped.await;
                })
                .await;
        });
    });
    let (address, counts) = ready.recv().unwrap();
    Running { address, counts, stop: Some(stop), thread: Some(thread) }
}

impl Running {
    fn counts(&self) -> RelayReport {
        (self.counts)()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}
