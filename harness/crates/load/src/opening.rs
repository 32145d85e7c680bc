//! Counts how opening the connections of an arm goes.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::frames::Opened;
use crate::facts::Arm;
use crate::outcome::Outcome;

/// The progress of opening an arm's connections.
pub(super) struct Opening {
    /// The position of the arm in the job.
    pub(super) arm: usize,
    open: AtomicU64,
    failed: AtomicU64,
    tried: AtomicU64,
    example: Mutex<Option<String>>,
    pub(super) done: Notify,
}

impl Opening {
    pub(super) fn new(arm: usize) -> Self {
        let count = || AtomicU64::new(0);
        Self { arm, open: count(), failed: count(), tried: count(), example: Mutex::default(), done: Notify::new() }
    }

    pub(super) fn report(&self, arm: Arm) -> Opened {
        Opened {
            arm,
            connections: self.open.load(Relaxed),
            failed: self.failed.load(Relaxed),
            example: self.example.lock().unwrap_or_else(PoisonError::into_inner).take(),
        }
    }

    /// Counts one of `all` connections.
    pub(super) fn count(&self, failure: Option<(Outcome, String)>, all: u64) {
        match failure {
            None => self.open.fetch_add(1, Relaxed),
            Some((_, message)) => {
                self.example.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
                self.failed.fetch_add(1, Relaxed)
            }
        };
        if self.tried.fetch_add(1, AcqRel) + 1 == all {
            self.done.notify_one();
        }
    }
}
