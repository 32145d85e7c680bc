//! Counters of what the sidecar did between pipes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use crate::sidecar::lengths::{Lengths, Span};

/// What the sidecar did, by its own clock.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) added_request: Lengths,
    pub(super) added_response: Lengths,
    pub(super) burned: Lengths,
    /// Answers of the server, whatever became of them; counted only with one of the faults.
    pub(super) answers: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) wrong_ids: AtomicU64,
    pub(super) repeated: AtomicU64,
}

/// [`Truth`] as it is printed. The spans are from the arrival of a line to just before it was passed on.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    added_request_ns: Span,
    added_response_ns: Span,
    burned_ns: Span,
    answers: u64,
    lost: u64,
    wrong_ids: u64,
    repeated: u64,
}

impl Default for Truth {
    fn default() -> Self {
        let (spans, counts) = (Lengths::new, AtomicU64::default);
        Self {
            added_request: spans(),
            added_response: spans(),
            burned: spans(),
            answers: counts(),
            lost: counts(),
            wrong_ids: counts(),
            repeated: counts(),
        }
    }
}

impl Truth {
    pub(super) fn report(&self) -> Report {
        Report {
            added_request_ns: self.added_request.span(),
            added_response_ns: self.added_response.span(),
            burned_ns: self.burned.span(),
            answers: self.answers.load(Relaxed),
            lost: self.lost.load(Relaxed),
            wrong_ids: self.wrong_ids.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
        }
    }
}
