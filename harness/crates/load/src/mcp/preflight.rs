//! Sends one request of each kind that an agent sends, before anything is measured.

use super::method::Method;
use super::prepared::Prepared;
use super::user::User;
use crate::arm_client::ArmClient;
use crate::frames::PreflightAnswer;
use crate::outcome::Outcome;
use crate::wire::Route;
use harness_base::clock::Mono;

/// Sends the requests of one session over `client`, up to the first that fails. Returns the answers, and what was negotiated.
pub(crate) async fn preflight(
    (route, client): (Route, ArmClient),
    prepared: &Prepared,
    (seed, index): (u64, u64),
) -> (Vec<PreflightAnswer>, Option<String>) {
    let mut user = User::new(seed, index, route, std::iter::once(client));
    let mut answers = Vec::new();
    loop {
        let begun = Mono::now();
        let (request, completion, status) = user.try_step(prepared).await;
        let answered = matches!(completion.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        answers.push(PreflightAnswer {
            request: request.method.name().to_owned(),
            outcome: completion.outcome,
            status: answered.then_some(status),
            latency: answered.then(|| completion.ended.since(begun)),
            sent: completion.writes > 0,
            example: completion.message,
        });
        let goes_on = match request.method {
            Method::ToolsCall => user.finish(),
            Method::Delete => false,
            _ => completion.outcome == Outcome::Ok,
        };
        if !goes_on {
            return (answers, user.negotiated());
        }
    }
}
