//! The part of Slack's Web API that approvals need: a message is posted, and a reaction to it is the approval.
//!
//! See <https://docs.slack.dev/reference/methods>. Parameters come in the query, as a form or as JSON.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use serde_json::{Value, json};

/// The messages that are kept, which bounds the memory.
const MOST: usize = 4096;
/// The seconds in the time stamp of a message. It only has to be the same for all, and stands for no real time.
const SECONDS: &str = "1000000000";
/// The user who approves.
const USER: &str = "U0HARNESS";
/// The channel of a message that names none.
const CHANNEL: &str = "C0HARNESS";

/// The messages of a workspace.
#[derive(Debug)]
pub(crate) struct Slack {
    reaction: String,
    approve_after: Nanos,
    messages: Mutex<Messages>,
}

#[derive(Debug, Default)]
struct Messages {
    next: u64,
    /// The time stamp of each message, and when it is approved.
    kept: VecDeque<(String, Mono)>,
}

/// A call of a method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// When it arrived.
    pub(crate) at: Mono,
    /// The path of the request.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

impl Slack {
    pub(crate) fn new(reaction: String, approve_after: Nanos) -> Self {
        Self { reaction, approve_after, messages: Mutex::default() }
    }

    /// Answers a call. Returns the answer, and when the approval is given if the call asks for one.
    pub(crate) fn answer(&self, call: &Call<'_>) -> (Value, Option<Mono>) {
        match call.path.strip_prefix("/api/").unwrap_or_default() {
            "chat.postMessage" => self.post(call),
            "reactions.get" => (self.reactions(call), None),
            "chat.update" => {
                let (channel, ts) = (call.parameter("channel"), call.parameter("ts"));
                (json!({ "ok": true, "channel": channel, "ts": ts, "text": "" }), None)
            }
            "users.info" => {
                let user = call.parameter("user").unwrap_or_else(|| USER.to_owned());
                let profile = json!({ "real_name": "Harness", "display_name": "harness" });
                let user = json!({ "id": user, "name": "harness", "real_name": "Harness", "profile": profile });
                (json!({ "ok": true, "user": user }), None)
            }
            "auth.test" => (json!({ "ok": true, "user_id": "U0BOT", "team_id": "T0HARNESS", "user": "bot" }), None),
            _ => (json!({ "ok": false, "error": "unknown_method" }), None),
        }
    }

    fn post(&self, call: &Call<'_>) -> (Value, Option<Mono>) {
        let approved = call.at.after(self.approve_after);
        let channel = call.parameter("channel").unwrap_or_else(|| CHANNEL.to_owned());
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let ts = format!("{SECONDS}.{:06}", messages.next);
        messages.next += 1;
        if messages.kept.len() == MOST {
            messages.kept.pop_front();
        }
        messages.kept.push_back((ts.clone(), approved));
        let message = json!({ "type": "message", "ts": ts });
        (json!({ "ok": true, "channel": channel, "ts": ts, "message": message }), Some(approved))
    }

    fn reactions(&self, call: &Call<'_>) -> Value {
        let ts = call.parameter("timestamp").unwrap_or_default();
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, approved)) = messages.kept.iter().rfind(|(known, _)| *known == ts) else {
            return json!({ "ok": false, "error": "message_not_found" });
        };
        let mut message = json!({ "type": "message", "ts": ts });
        // Decided now and not when the request arrived, so that an answer is never older than the approval that it shows.
        if Mono::now() >= *approved {
            message["reactions"] = json!([{ "name": self.reaction, "users": [USER], "count": 1 }]);
        }
        json!({ "ok": true, "type": "message", "channel": call.parameter("channel"), "message": message })
    }
}

impl Call<'_> {
    /// Returns a parameter of the query, of a form, or of a JSON object.
    fn parameter(&self, name: &str) -> Option<String> {
        let find = |(key, value): (Cow<'_, str>, Cow<'_, str>)| (key == name).then(|| value.into_owned());
        if let Some(found) = form_urlencoded::parse(self.query.as_bytes()).find_map(find) {
            return Some(found);
        }
        match serde_json::from_slice::<Value>(self.body) {
            Ok(body) => body.get(name)?.as_str().map(ToOwned::to_owned),
            Err(_) => form_urlencoded::parse(self.body).find_map(find),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(path: &'a str, query: &'a str, body: &'a str) -> Call<'a> {
        Call { at: Mono::now(), path, query, body: body.as_bytes() }
    }

    #[test]
    fn a_message_has_its_reaction_once_it_is_approved() {
        let slack = Slack::new("+1".to_owned(), Nanos::from_millis(30));
        let before = Mono::now();
        let (posted, approved) = slack.answer(&call("/api/chat.postMessage", "", r##"{"channel":"#a b"}"##));
        let approved = approved.unwrap();
        assert!(approved >= before.after(Nanos::from_millis(30)));
        assert_eq!((&posted["ok"], &posted["channel"]), (&json!(true), &json!("#a b")));
        let ts = posted["ts"].as_str().unwrap();
        let query = format!("channel=%23a+b&timestamp={ts}");
        let form = format!("timestamp={ts}");
        while Mono::now() < approved {
            let (seen, asked) = slack.answer(&call("/api/reactions.get", &query, ""));
            assert!(asked.is_none() && seen["ok"] == true);
            assert!(seen["message"].get("reactions").is_none() || Mono::now() >= approved, "{seen}");
        }
        for (query, body) in [(query.as_str(), ""), ("", form.as_str())] {
            let (seen, _) = slack.answer(&call("/api/reactions.get", query, body));
            assert_eq!(seen["message"]["reactions"], json!([{ "name": "+1", "users": [USER], "count": 1 }]));
        }
    }

    #[test]
    fn messages_are_distinct_and_unknown_ones_not_found() {
        let slack = Slack::new("+1".to_owned(), Nanos::ZERO);
        let post = || slack.answer(&call("/api/chat.postMessage", "", "channel=C1")).0["ts"].clone();
        assert_ne!(post(), post());
        let (missing, _) = slack.answer(&call("/api/reactions.get", "timestamp=1.2", ""));
        assert_eq!(missing["error"], "message_not_found");
        assert_eq!(slack.answer(&call("/api/x", "", "")).0["error"], "unknown_method");
        assert_eq!(slack.answer(&call("/api/users.info", "user=U7", "")).0["user"]["id"], "U7");
    }
}
