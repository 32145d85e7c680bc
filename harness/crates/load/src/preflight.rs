//! One request of every kind, before anything is measured.

use hyper::HeaderMap;

use super::arm_client::{ArmClient, Fate};
use super::deadline::Deadline;
use super::frames::{Preflight, PreflightAnswer};
use super::judge::Judge;
use super::prepared::Prepared;
use super::template::Fields;
use super::virtual_user::Shared;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// Sends them over one connection of their own, which is closed afterwards.
pub(super) async fn preflight(shared: &Shared, arm: usize) -> Preflight {
    let address = &shared.job.arms[arm];
    let mut scout = Scout {
        client: ArmClient::new(address.address),
        fields: shared.fields(shared.job.connections),
        judge: Judge::default(),
        deadline: Deadline::new(),
    };
    let mut answers = Vec::with_capacity(shared.prepared[arm].len());
    for prepared in &shared.prepared[arm] {
        answers.push(scout.try_one(prepared).await);
    }
    Preflight { arm: address.arm, answers }
}

struct Scout {
    client: ArmClient,
    fields: Fields,
    judge: Judge,
    deadline: Deadline,
}

impl Scout {
    async fn try_one(&mut self, prepared: &Prepared) -> PreflightAnswer {
        let body = prepared.body(&mut self.fields);
        let request = prepared.request(body.clone(), HeaderMap::new());
        let sent = Mono::now();
        self.deadline.set(sent, sent.after(prepared.timeout));
        let mut spare = HeaderMap::new();
        let (judge, deadline) = (&mut self.judge, &mut self.deadline);
        let fate: Fate = self.client.exchange(prepared, &body, request, judge, deadline, &mut spare).await;
        let answered = matches!(fate.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        let example = fate.message.or_else(|| (fate.outcome != Outcome::Ok).then(|| self.judge.example()));
        PreflightAnswer {
            request: prepared.name.clone(),
            outcome: fate.outcome,
            status: answered.then(|| self.judge.status()),
            latency: answered.then(|| fate.ended.since(sent)),
            sent: fate.wired > 0,
            example,
        }
    }
}
