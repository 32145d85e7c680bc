//! Verdict: holds a record against its claims. What it finds can be found again from the record alone.

pub mod claim;
mod claims;
pub mod compare;
pub mod curve;
pub mod evidence;
mod judge;
pub mod judgement;
mod measured;
pub mod promote;
pub mod stored;

pub use judge::{FailOn, Options, judge};
pub use judgement::Judgement;
pub use stored::Stored;
