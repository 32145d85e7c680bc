//! Injected faults, switched at run time through `/__upstream/fault/`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::flags::parse_duration;
use crate::server::Accepting;

/// A fault of the upstream. It does not affect admin paths and probes, except for [`Fault::Down`], which affects every
/// connection that has not requested an admin path. On HTTP/2, a fault that breaks the connection resets the stream instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// New connections are refused, and open ones end as if the process had exited.
    Down,
    /// Every answer is delayed by this much, in addition to `--delay`.
    Slow(Duration),
    /// Every request is answered by a TCP reset.
    Reset,
    /// Every request is answered by the end of the stream, while the other direction stays open.
    HalfClose,
    /// Every request is answered by bytes that are not HTTP, then the connection closes.
    Garbage,
}

/// The active fault, and whether connections are accepted.
#[derive(Debug)]
pub(crate) struct Switch {
    active: Mutex<Fault>,
    accepting: watch::Sender<bool>,
}

impl Fault {
    /// Parses `none`, `down`, `slow/500ms`, `reset`, `half-close` and `garbage`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "down" => Some(Self::Down),
            "reset" => Some(Self::Reset),
            "half-close" => Some(Self::HalfClose),
            "garbage" => Some(Self::Garbage),
            _ => name.strip_prefix("slow/").and_then(|delay| parse_duration(delay).ok()).map(Self::Slow),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { active: Mutex::default(), accepting: watch::Sender::new(true) }
    }
}

impl Switch {
    pub(crate) fn active(&self) -> Fault {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.accepting.send_replace(fault != Fault::Down);
    }

    /// Returns a receiver that is true unless the upstream is down.
    pub(crate) fn accepting(&self) -> Accepting {
        self.accepting.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_parsed_by_name() {
        assert_eq!(Fault::parse("slow/20ms"), Some(Fault::Slow(Duration::from_millis(20))));
        assert_eq!(Fault::parse("half-close"), Some(Fault::HalfClose));
        assert_eq!([Fault::parse("slow"), Fault::parse("slow/x"), Fault::parse("")], [None; 3]);
    }

    #[test]
    fn no_connections_are_accepted_while_it_is_down() {
        let switch = Switch::default();
        let accepting = switch.accepting();
        switch.set(Fault::Down);
        assert!(!*accepting.borrow() && switch.active() == Fault::Down);
        switch.set(Fault::Reset);
        assert!(*accepting.borrow());
    }
}
