//! One request of every kind, before anything is measured.

use hyper::HeaderMap;

use super::frames::{Preflight, PreflightAnswer};
use super::judge::Judge;
use super::line::{Fate, Line};
use super::prepared::Prepared;
use super::seat::Crew;
use super::template::Fields;
use super::timer::Patience;
use crate::clock::Mono;
use crate::measure::outcome::Outcome;

/// Sends them over one connection of their own, which is closed afterwards.
pub(super) async fn preflight(crew: &Crew, arm: usize) -> Preflight {
    let address = &crew.job.arms[arm];
    let mut scout = Scout {
        line: Line::new(address.address),
        fields: crew.fields(crew.job.connections),
        judge: Judge::default(),
        patience: Patience::new(),
    };
    let mut answers = Vec::with_capacity(crew.prepared[arm].len());
    for prepared in &crew.prepared[arm] {
        answers.push(scout.try_one(prepared).await);
    }
    Preflight { arm: address.arm, answers }
}

struct Scout {
    line: Line,
    fields: Fields,
    judge: Judge,
    patience: Patience,
}

impl Scout {
    async fn try_one(&mut self, prepared: &Prepared) -> PreflightAnswer {
        let body = prepared.body(&mut self.fields);
        let request = prepared.request(body.clone(), HeaderMap::new());
        let sent = Mono::now();
        self.patience.set(sent, sent.after(prepared.timeout));
        let mut spare = HeaderMap::new();
        let (judge, patience) = (&mut self.judge, &mut self.patience);
        let fate: Fate = self.line.exchange(prepared, &body, request, judge, patience, &mut spare).await;
        let answered = matches!(fate.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        let example = fate.says.or_else(|| (fate.outcome != Outcome::Ok).then(|| self.judge.example()));
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
