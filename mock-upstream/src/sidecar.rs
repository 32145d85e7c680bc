//! The reference sidecar: a small reverse proxy whose costs and faults are set by flags.
//!
//! Its admin port answers `/health`, `/ready`, `/truth` and `/metrics`. The truth is what the sidecar really did by its own
//! clock, so that tests can compare a measurement with it.

mod admin;
mod approve;
mod args;
mod calls;
mod events;
mod faults;
mod flood;
mod forward;
mod gate;
mod headers;
mod held;
mod inbound;
mod leaks;
mod lengths;
mod link;
mod outbound;
mod policy;
mod process;
mod proxy;
mod queue;
mod reload;
mod report;
mod run;
mod serve;
mod sessions;
mod state;
mod stdio;
mod stopping;
mod target;
mod truth;
mod turns;
mod worker;

pub use self::args::{Args, DoubleFork, ErrorKind, OnUpstreamError};
pub use self::calls::{CallFlags, CallsReport, EveryCall, NotCalls};
pub use self::gate::Freeze;
pub use self::held::{HeldFlags, HeldReport};
pub use self::lengths::{Span, Total};
pub use self::policy::PolicyFlags;
pub use self::reload::ReloadFlags;
pub use self::report::{TruthReport, WorkerReport};
pub use self::run::main_with;
pub use self::serve::{serve_admin, serve_proxy};
pub use self::sessions::SessionsReport;
pub use self::state::Sidecar;
pub use self::stopping::StopFlags;
pub use self::target::{Target, TargetError, UpstreamHttp};
