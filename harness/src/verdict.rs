//! Judges a record. All results can be computed again from the record alone.

mod between_runs;
mod blank;
pub mod bottleneck;
mod breaches;
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
mod options;
pub(crate) mod parts;
pub mod promote;
mod published;
mod reference;
mod saturation;
mod selection;
pub mod stage;
pub mod stored;
mod tail;
mod target;
pub mod weigh;

pub use context::Context;
pub use gate::Gates;
pub use judge::judge;
pub use judgement::Judgement;
pub use options::{FailOn, Options};
pub use stored::Stored;
