//! Sends one request of each kind before anything is measured.

use std::sync::Arc;

use super::arm_client::ArmClient;
use super::deadline::Deadline;
use super::echo;
use super::frames::{Preflight, PreflightAnswer};
use super::judge::Judge;
use super::mcp;
use super::prepared::{Prepared, Scratch};
use super::template::Fields;
use super::virtual_user::Shared;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// Sends the requests over a separate connection, which is closed afterwards; those of pipes, of which there is one pair, over that.
pub(super) async fn preflight(shared: &Shared, arm: usize) -> Preflight {
    let address = &shared.job.arms[arm];
    if let Some(places) = &shared.echo {
        let request = shared.job.requests.first().map_or("", |request| &request.name);
        let answer = Box::pin(echo::preflight(&places[arm], request)).await;
        return Preflight { arm: address.arm, answers: vec![answer], tls: None };
    }
    if let (Some(pipe), Some(prepared)) = (&shared.pipes[arm], &shared.mcp) {
        let answers = Box::pin(mcp::stdio::preflight(pipe, &prepared[arm])).await;
        return Preflight { arm: address.arm, answers, tls: None };
    }
    if let Some(prepared) = &shared.mcp {
        let client = ArmClient::new(shared.routes[arm].clone(), Arc::default());
        let agent = (shared.job.seed, shared.job.preflight_number());
        let (answers, tls) =
            Box::pin(mcp::preflight((shared.routes[arm].clone(), client), &prepared[arm], agent)).await;
        return Preflight { arm: address.arm, answers, tls };
    }
    let mut client = PreflightClient {
        client: ArmClient::new(shared.routes[arm].clone(), Arc::default()),
        fields: shared.fields(shared.job.preflight_number()),
        judge: Judge::default(),
        deadline: Deadline::new(),
    };
    let mut answers = Vec::with_capacity(shared.prepared[arm].len());
    for prepared in &shared.prepared[arm] {
        answers.push(client.send(prepared).await);
    }
    Preflight { arm: address.arm, answers, tls: client.client.negotiated().map(|negotiated| negotiated.protocol) }
}

struct PreflightClient {
    client: ArmClient,
    fields: Fields,
    judge: Judge,
    deadline: Deadline,
}

impl PreflightClient {
    async fn send(&mut self, prepared: &Prepared) -> PreflightAnswer {
        let mut scratch = Scratch::default();
        let message = prepared.message(&mut self.fields, &mut scratch);
        let sent = Mono::now();
        self.deadline.set(sent, sent.after(prepared.timeout));
        let completion = self.client.exchange(message, &mut self.judge, &mut self.deadline, None).await;
        let answered = matches!(completion.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        let example = completion.message.or_else(|| (completion.outcome != Outcome::Ok).then(|| self.judge.example()));
        PreflightAnswer {
            request: prepared.name.clone(),
            outcome: completion.outcome,
            status: answered.then(|| self.judge.status()),
            latency: answered.then(|| completion.ended.since(sent)),
            sent: completion.writes > 0,
            example,
        }
    }
}
