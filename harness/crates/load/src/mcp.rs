//! Speaks the Model Context Protocol: over Streamable HTTP, as agents do, and over the pipes of a server ([`stdio`]).
//!
//! An agent opens a session, lists the tools and calls them in bursts; the calls of a burst are under way at the same time, each on a
//! connection of its own. Until 2025-11-25 the protocol has sessions, which begin with `initialize`; from 2026-07-28 on each request
//! describes itself. Every answer is read as a message, whether it is one JSON object or a stream of server-sent events.
//!
//! ```text
//! user: agent (which request is next) → text (its bytes) → exchange on a lane → answer (events → message → fault or not) → trial
//! ```

pub mod facts;
pub mod fault;
pub mod method;
pub mod stdio;
pub mod workload;

mod agent;
mod answer;
mod batch;
mod client;
mod counts;
mod heads;
mod lane;
mod listener;
mod message;
mod preflight;
mod prepared;
mod quick;
mod stream;
mod text;
mod tool;
mod user;

pub(super) use client::Client;
pub(super) use preflight::preflight;
pub(super) use prepared::Prepared;
pub(super) use user::User;
