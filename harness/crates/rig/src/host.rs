//! Facts about this machine, the working copy and files, and the lock that keeps runs apart.

mod data;
mod describe;
mod error;
mod facts;
mod fingerprint;
mod git;
mod lock;
mod reference;

pub use data::{GitFacts, HostFacts, ToolFacts};
pub use describe::{executable, tool};
pub use error::Error;
pub(crate) use facts::allowed_cpus;
pub use facts::{facts, virtualization, word};
pub use git::git;
pub use lock::Lock;
pub use reference::{Reference, reference};
