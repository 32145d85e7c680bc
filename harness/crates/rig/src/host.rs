//! Facts about this machine, the working copy and files, and the lock that keeps runs apart.

mod data;
mod describe;
mod error;
mod facts;
mod fingerprint;
mod git;
mod lock;
mod reference;
mod tuning;
mod word;

pub use data::{GitFacts, HostFacts, ToolFacts};
pub use describe::{executable, tool};
pub use error::Error;
pub(crate) use facts::allowed_cpus;
pub use facts::{facts, virtualization};
pub use git::git;
pub use lock::Lock;
pub use reference::{Reference, reference};
pub use tuning::{Boost, BoostSwitch, SET_GOVERNOR, SET_SMT, Setting, Tuning};
pub use word::word;
