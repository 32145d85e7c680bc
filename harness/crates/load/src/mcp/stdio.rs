//! Speaks MCP over the pipes of a server: one message per line, in both directions.
//!
//! All users of an arm share the pipes, and answers are matched by their id. The first user opens them and shakes hands; from then on every
//! user sends one `tools/call` after the other. So as many messages are under way at the same time as there are users.

pub mod facts;

mod door;
mod link;
mod pipe;
mod strays;
mod user;

pub(crate) use pipe::{Pipe, preflight};
pub(crate) use user::User;
