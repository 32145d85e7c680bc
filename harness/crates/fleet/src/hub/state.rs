//! What the hub does at the moment.

use super::gather::{Gather, Slots};
use harness_load::frames::FromChild;

#[derive(Debug)]
pub(super) enum State {
    /// No session.
    Idle,
    /// Load children get ready.
    Starting(Slots<()>),
    /// So many clocks are still to be measured.
    Measuring(usize),
    /// No command is under way.
    Open,
    /// A command is under way.
    Working(Gather),
    /// All nodes have answered a trial with this frame, which waits for what the agent in the pod found.
    Held(FromChild),
    /// The session has failed. This is the answer to every command of it.
    Failed(FromChild),
}
