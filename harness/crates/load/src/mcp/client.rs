//! What a user does as an agent, over HTTP or over the pipes of a server.

use super::prepared::Prepared;
use super::stdio;
use super::user::User;
use crate::outcome::Outcome;
use crate::trial::Trial;
use harness_base::timer::Timer;

/// The agent of one user and one arm.
pub(crate) enum Client {
    /// Boxed, because it is much larger than the other.
    Http(Box<User>),
    Stdio(stdio::User),
}

impl Client {
    /// Opens the connections that are not open. Returns the outcome and the message of the first failure.
    pub(crate) async fn open(&mut self, prepared: &Prepared) -> Result<(), (Outcome, String)> {
        match self {
            Self::Http(user) => user.open(prepared.timeout).await,
            Self::Stdio(user) => user.open(prepared).await,
        }
    }

    /// Takes steps until the trial has no more requests.
    pub(crate) async fn take_part(&mut self, prepared: &Prepared, trial: &Trial, timer: &mut Timer) {
        match self {
            Self::Http(user) => user.take_part(prepared, trial, timer).await,
            Self::Stdio(user) => while user.take_step(prepared, trial, timer).await {},
        }
    }

    /// Hands what it counted in the trial over to its counts.
    pub(crate) fn leave(&mut self, trial: &Trial) {
        match self {
            Self::Http(user) => user.leave(trial),
            Self::Stdio(_) => {}
        }
    }
}
