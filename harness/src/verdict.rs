//! Verdict: holds a record against its claims. What it finds can be found again from the record alone.

pub mod bottleneck;
mod checked;
pub mod claim;
mod claims;
pub mod compare;
pub mod context;
pub mod evidence;
mod findings;
pub mod gate;
mod guard;
mod judge;
pub mod judgement;
pub(crate) mod judging;
mod measured;
mod notes;
pub mod promote;
mod published;
pub mod stage;
pub mod stored;
pub mod weigh;

pub use context::Context;
pub use gate::Gates;
pub use judge::{FailOn, Options, judge};
pub use judgement::Judgement;
pub use stored::Stored;
