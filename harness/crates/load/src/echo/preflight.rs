//! Sends one message before anything is measured.

use super::place::Place;
use super::user::User;
use crate::frames::PreflightAnswer;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// The number of the user that sends it, which is that of no other.
const USER: u64 = u64::MAX;

/// Opens a connection, or a stream of the shared one, and sends one message over it.
pub(crate) async fn preflight(place: &Place, request: &str) -> PreflightAnswer {
    let (mut user, begun) = (User::new(USER), Mono::now());
    user.prepare(place);
    let completion = match user.open(place).await {
        Ok(()) => user.send(place).await,
        Err((outcome, message)) => crate::arm_client::Completion::new().failed(outcome, message),
    };
    let answered = matches!(completion.outcome, Outcome::Ok | Outcome::WrongBody);
    PreflightAnswer {
        request: request.to_owned(),
        outcome: completion.outcome,
        status: None,
        latency: answered.then(|| completion.ended.since(begun)),
        sent: completion.writes > 0,
        example: completion.message,
    }
}
