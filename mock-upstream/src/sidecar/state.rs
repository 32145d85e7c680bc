//! The state of one sidecar.

use std::sync::Arc;

use harness_base::clock::Mono;

use super::args::Args;
use super::flood::Flood;
use super::gate::Gate;
use super::leaks::Leaks;
use super::truth::Truth;
use super::turns::Turns;

/// One sidecar: its flags, the counters of what it has done, and what it has leaked.
#[derive(Debug)]
pub struct Sidecar {
    pub(crate) args: Args,
    pub(crate) truth: Truth,
    pub(crate) gate: Gate,
    pub(crate) leaks: Leaks,
    pub(crate) flood: Flood,
    pub(crate) turns: Turns,
}

impl Sidecar {
    /// Creates a sidecar whose `main` was entered at `main`, and allocates its ballast.
    #[must_use]
    pub fn new(args: Args, main: Mono) -> Arc<Self> {
        Arc::new(Self {
            truth: Truth::new(main),
            gate: Gate::new(args.freeze_at, args.freeze_for, args.freeze_every),
            leaks: Leaks::with_ballast(args.ballast),
            flood: Flood::default(),
            turns: Turns::new(args.one_writer),
            args,
        })
    }
}
