//! One declared host: what it answers, and which of its requests ask for approval.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::args::{Answers, HostSpec, RouteSpec};
use super::slack::{Call, Slack};

#[derive(Debug)]
pub(crate) struct Host {
    /// Its name in the scenario.
    pub(crate) name: String,
    pub(crate) host: String,
    answers: Answering,
}

#[derive(Debug)]
enum Answering {
    Slack(Slack),
    Routes(Routes),
}

#[derive(Debug)]
struct Routes {
    routes: Vec<RouteSpec>,
    approve_after: Nanos,
    /// When the last approval that was asked for is given.
    approved: Mutex<Option<Mono>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Bytes,
    /// When the approval is given, if the request asked for one.
    pub(crate) approved: Option<Mono>,
}

impl Host {
    pub(crate) fn new(spec: HostSpec) -> Self {
        let approve_after = Nanos(spec.approve_after_ns);
        let answers = match spec.answers {
            Answers::Slack { reaction } => Answering::Slack(Slack::new(reaction, approve_after)),
            Answers::Routes(routes) => Answering::Routes(Routes { routes, approve_after, approved: Mutex::default() }),
        };
        Self { name: spec.name, host: spec.host, answers }
    }

    /// Answers a request.
    pub(crate) fn answer(&self, method: &str, call: &Call<'_>) -> Answer {
        match &self.answers {
            Answering::Slack(slack) => {
                let (json, approved) = slack.answer(call);
                Answer { status: StatusCode::OK, json: written(&json), approved }
            }
            Answering::Routes(routes) => routes.answer(method, call),
        }
    }
}

impl Routes {
    fn answer(&self, method: &str, call: &Call<'_>) -> Answer {
        let Some(route) = self.routes.iter().find(|route| route.method == method && route.path == call.path) else {
            let json = written(&json!({ "error": "the scenario declares no such route" }));
            return Answer { status: StatusCode::NOT_FOUND, json, approved: None };
        };
        let mut last = self.approved.lock().unwrap_or_else(PoisonError::into_inner);
        let is_approved = last.is_some_and(|approved| Mono::now() >= approved);
        let json = route.approved.as_ref().filter(|_| is_approved).unwrap_or(&route.json);
        let approved = route.asks.then(|| call.at.after(self.approve_after));
        *last = approved.or(*last);
        let status = StatusCode::from_u16(route.status).unwrap_or(StatusCode::OK);
        Answer { status, json: written(json), approved }
    }
}

fn written(json: &Value) -> Bytes {
    json.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_changes_its_answer_with_the_approval() {
        let spec = r#"{"name":"pager","host":"pager.test","approve_after_ns":20000000,"answers":{"routes":[
            {"method":"POST","path":"/ask","status":201,"json":{"id":1},"asks":true},
            {"method":"GET","path":"/state","status":200,"json":"open","approved":"granted"}]}}"#;
        let host = Host::new(serde_json::from_str(spec).unwrap());
        let ask = |method, path| host.answer(method, &Call { at: Mono::now(), path, query: "", body: b"" });
        let state = || ask("GET", "/state").json;
        assert_eq!(state(), "\"open\"");
        let asked = ask("POST", "/ask");
        assert_eq!((asked.status, asked.json.as_ref()), (StatusCode::CREATED, b"{\"id\":1}".as_slice()));
        let approved = asked.approved.unwrap();
        while state() == "\"open\"" {
            assert!(Mono::now() < approved.after(Nanos::from_secs(10)), "it is never approved");
        }
        assert!(Mono::now() >= approved, "it was approved too early");
        assert_eq!(ask("POST", "/state").status, StatusCode::NOT_FOUND);
    }
}
