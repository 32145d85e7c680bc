//! The client: creates the objects of a run, follows its pods, and removes everything.

mod check;
mod cluster;
mod create;
mod ending;
mod error;
mod failure;
mod forward;
mod pods;
mod state;
mod status;
mod watching;

pub use check::Lack;
pub use cluster::Cluster;
pub use create::Leftover;
pub use ending::{Followed, PodEnding};
pub use error::{Call, KubeError};
pub use failure::PodFailure;
pub use forward::Forwarded;
pub use pods::HubPod;
pub use state::PodState;
