//! Foreign hosts: HTTPS servers that answer in place of the ones a target would call, and the proxy through which the target reaches them.
//!
//! The proxy connects to the declared hosts only. It refuses and counts everything else, so nothing leaves this machine through it. Each
//! request is stamped with the monotonic clock of the host and reported to the process that started this one. Header fields and bodies
//! are not kept, because they contain the credentials of the target.

mod args;
mod host;
mod ledger;
mod proxy;
mod requests;
mod serve;
mod slack;
mod state;

pub use self::args::{Answers, Args, HostSpec, RouteSpec};
pub use self::ledger::{Hit, HitsReport, Refused, RefusedReport};
pub use self::serve::main_with;
