//! Impairs the packets of a path by netem, the impairments of the Linux kernel, in a network namespace of this process.
//!
//! A relay cannot lose segments of TCP, because the kernel acknowledges what the relay has not passed on yet. Netem loses packets below TCP,
//! so TCP notices and repairs the loss itself, and the handshake of a connection is delayed too.
//!
//! This process moves into a namespace of its own before it starts others, so all processes of a run are in it, and it ends with the last
//! of them: nothing of the host is changed, and nothing can be left behind. Its only device is loopback. A path is a relay that listens
//! at an address of its own ([`Place`]): what is sent to that address, and what is sent from it, crosses one netem each. Everything else
//! passes at once.
//!
//! ```text
//! client 127.0.0.1 ── netem ──▸ relay 127.66.0.1 ─────▸ server 127.0.0.1
//!                  ◂── netem ──                  ◂─────
//! ```
//!
//! Three properties of the kernel matter:
//!
//! - On loopback, TCP hands segments of up to 64 KiB to the device, and netem would lose or delay each as one packet. With an MTU of
//!   1,500 bytes and `gso_max_segs 1`, a segment is a packet, as on a network. UDP has no such switch: packets that are sent at once
//!   (`UDP_SEGMENT`) are lost together, so the client of QUIC sends each alone on such a path.
//! - Packets that wait in netem on the host of their sender would count as not sent yet, and TCP would stop sending (TCP small queues).
//!   Netem avoids that: it gives up the sender's account of each packet that it delays (`skb_orphan_partial`).
//! - TCP remembers round trips and thresholds of an address for later connections (`tcp_metrics`). All stages use the same addresses,
//!   so this is switched off: no stage inherits the state of an earlier one.

mod args;
mod counts;
mod error;
mod impairment;
mod place;
mod sysctl;
mod tools;

use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use self::sysctl::Kept;
use self::tools::Tools;
use crate::aside::aside;

pub use self::counts::{Counts, LineCount};
pub use self::error::Error;
pub use self::impairment::Impairment;
pub use self::place::{Direction, Place};

/// The namespace in which this process is, with its netems. Clones are the same namespace.
#[derive(Debug, Clone)]
pub struct Netem {
    tools: Arc<Tools>,
    /// What the places do now.
    shaped: Arc<Mutex<[Option<Impairment>; Place::ALL.len()]>>,
}

impl Netem {
    /// Moves this process into a network namespace of its own, whose loopback is prepared for netem. Only the calling thread moves, and
    /// with it the threads and processes that it starts later, so it must be called before any of them.
    ///
    /// # Errors
    /// Returns an [`Error`] if a program is missing, the namespace is not permitted, or the kernel has no netem.
    pub fn enter() -> Result<Self, Error> {
        let tools = Tools::find()?;
        let kept = Kept::read();
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
            Errno::EPERM | Errno::EACCES => Error::NotPermitted,
            errno => Error::NoNamespace { cause: errno.into() },
        })?;
        kept.restore();
        tools.ip(&args::link())?;
        tools.tc(&args::probe()).map_err(Error::without_netem)?;
        tools.tc(&args::without_root())?;
        for command in args::tree() {
            tools.tc(&command)?;
        }
        Ok(Self { tools: Arc::new(tools), shaped: Arc::default() })
    }

    /// Finds out whether [`Netem::enter`] would succeed. A thread enters and ends, so this process stays where it is.
    ///
    /// # Errors
    /// Returns the error of [`Netem::enter`], or [`Error::Thread`].
    pub fn try_out() -> Result<(), Error> {
        let thread = std::thread::Builder::new().spawn(|| Self::enter().map(drop));
        let ended = thread.map_err(|cause| Error::Thread { cause })?.join();
        ended.unwrap_or_else(|_| Err(Error::Thread { cause: std::io::Error::other("it ended early") }))
    }

    /// Gives both directions of a place this impairment. A place that has it keeps its packets and counts.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] with what the kernel said.
    pub fn shape(&self, place: Place, impairment: &Impairment) -> Result<(), Error> {
        let mut shaped = self.shaped.lock().unwrap_or_else(PoisonError::into_inner);
        let index = place.index();
        if shaped[index].as_ref() == Some(impairment) {
            return Ok(());
        }
        let had_one = shaped[index].take().is_some();
        for direction in Direction::ALL {
            // A netem that is changed keeps what is not named, for example its rate, so it is replaced by a new one.
            if had_one {
                self.tools.tc(&args::without(place, direction))?;
            }
            self.tools.tc(&args::line(place, direction, impairment))?;
        }
        shaped[index] = Some(*impairment);
        Ok(())
    }

    /// Does the same as [`Netem::shape`] on a thread beside the event loop.
    ///
    /// # Errors
    /// See [`Netem::shape`].
    pub async fn shape_aside(&self, place: Place, impairment: Impairment) -> Result<(), Error> {
        let netem = self.clone();
        aside(move || netem.shape(place, &impairment)).await.map_err(Error::Aside)?
    }

    /// Reads what passed and what was dropped at all places since they have their impairments.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] or [`Error::Unreadable`].
    pub async fn counts(&self) -> Result<Counts, Error> {
        let tools = Arc::clone(&self.tools);
        aside(move || Counts::parse(&tools.tc(&args::show())?)).await.map_err(Error::Aside)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_netem_or_a_reason_and_stays_as_it_is() {
        let own = || std::fs::read_link("/proc/self/ns/net").unwrap();
        let before = own();
        if let Err(error) = Netem::try_out() {
            let is_known = matches!(error, Error::NoTool { .. } | Error::NotPermitted | Error::NoNetem { .. });
            assert!(is_known && !error.remedy().is_empty(), "{error}");
        }
        assert_eq!(own(), before);
    }
}
