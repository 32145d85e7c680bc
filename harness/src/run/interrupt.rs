//! Turns ctrl-c, SIGTERM and SIGHUP into a value that can be awaited.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::halt::Halt;
use harness_base::exit::Exit;

/// Becomes true when the run is interrupted.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM, and SIGHUP, which a terminal sends when it closes. The second one ends the process at once; the keeper then cleans up.
    ///
    /// # Errors
    /// Returns an error if the signal handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        let (mut ctrl_c, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut hang_up = signal(SignalKind::hangup())?;
        let (announce, requested) = watch::channel(false);
        tokio::spawn(async move {
            let mut received = 0;
            loop {
                tokio::select! {
                    _ = ctrl_c.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                received += 1;
                if received > 1 {
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                let _ = announce.send(true);
            }
        });
        Ok(Self(requested))
    }

    /// Returns whether the run was interrupted.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Runs `work` unless an interrupt arrives before it ends.
    ///
    /// # Errors
    /// Returns an error if an interrupt came first; `work` is dropped then.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut requested = self.0.clone();
        tokio::select! {
            biased;
            _ = requested.wait_for(|stop| *stop) => Err(Halt::Interrupted),
            done = work => Ok(done),
        }
    }
}
