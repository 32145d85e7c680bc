//! What goes wrong on purpose, switched at run time below `/__upstream/fault/`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::server::Door;
use crate::units::parse_duration;

/// What the upstream does wrong. Admin paths and probes are spared, but for [`Fault::Down`], which spares connections that have asked for
/// an admin path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Connections are refused, and those that are open end as if the process had.
    Down,
    /// Every answer is held back for so long, on top of `--delay`.
    Slow(Duration),
    /// Every request is answered by a TCP reset.
    Reset,
    /// Every request is answered by the end of the stream, while the other direction stays open.
    HalfClose,
    /// Every request is answered by bytes that are no HTTP, then the connection closes.
    Garbage,
}

/// The present fault, and the door that is shut while the upstream is down.
#[derive(Debug)]
pub(crate) struct Switch {
    present: Mutex<Fault>,
    open: watch::Sender<bool>,
}

impl Fault {
    /// What `none`, `down`, `slow/500ms`, `reset`, `half-close` and `garbage` stand for.
    pub(crate) fn parse(words: &str) -> Option<Self> {
        match words {
            "none" => Some(Self::None),
            "down" => Some(Self::Down),
            "reset" => Some(Self::Reset),
            "half-close" => Some(Self::HalfClose),
            "garbage" => Some(Self::Garbage),
            _ => words.strip_prefix("slow/").and_then(|delay| parse_duration(delay).ok()).map(Self::Slow),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { present: Mutex::default(), open: watch::Sender::new(true) }
    }
}

impl Switch {
    pub(crate) fn present(&self) -> Fault {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.open.send_replace(fault != Fault::Down);
    }

    /// Open, unless the upstream is down.
    pub(crate) fn door(&self) -> Door {
        self.open.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_a_word() {
        assert_eq!(Fault::parse("slow/20ms"), Some(Fault::Slow(Duration::from_millis(20))));
        assert_eq!(Fault::parse("half-close"), Some(Fault::HalfClose));
        assert_eq!([Fault::parse("slow"), Fault::parse("slow/x"), Fault::parse("")], [None; 3]);
    }

    #[test]
    fn the_door_is_shut_while_it_is_down() {
        let switch = Switch::default();
        let door = switch.door();
        switch.set(Fault::Down);
        assert!(!*door.borrow() && switch.present() == Fault::Down);
        switch.set(Fault::Reset);
        assert!(*door.borrow());
    }
}
