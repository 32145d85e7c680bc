//! MCP without HTTP: a message is a line, and each era is recognised by the message itself.

use super::call::Called;
use super::message::{Body, Malformed, Message, Params};
use super::refusal::Refusal;
use super::revision::{Legacy, MODERN};
use super::server::Server;
use super::write::{self, Failure};
use super::{legacy, modern};

const UNKNOWN: Failure =
    Failure::new(-32_600, "there is no session: send initialize first, or name the revision 2026-07-28");
const GONE: Failure = Failure::new(-32_600, "there is no such session");

/// The one client of a server on pipes.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// What `initialize` has agreed on; absent before it, and for a client of the modern era.
    revision: Option<Legacy>,
}

impl Session {
    /// Appends the answers to one line, each with its line end. An empty line is ignored.
    pub(crate) fn answer(&mut self, server: &Server, line: &[u8], answers: &mut Vec<u8>) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        let messages = match Body::parse(line) {
            Ok(Body::One(Message::Request { id, method, params })) => {
                server.counts.record_method(&method);
                self.answer_request(server, id, &method, &params)
            }
            // Notifications and answers need none.
            Ok(Body::One(_)) => return,
            Ok(Body::Batch(_)) => Called::Message(write::error(None, &Failure::BATCH)),
            Err(Malformed::Json) => Called::Message(write::error(None, &Failure::PARSE)),
            Err(Malformed::Message) => Called::Message(write::error(None, &Failure::REQUEST)),
        };
        let messages = match messages {
            Called::Message(message) => vec![message],
            Called::Events(messages) => messages,
            Called::Gone => return,
        };
        for message in messages {
            answers.extend_from_slice(&message);
            answers.push(b'\n');
        }
    }

    fn answer_request(&mut self, server: &Server, id: &str, method: &str, params: &Params<'_>) -> Called {
        let failed = |failure: &Failure| Called::Message(write::error(Some(id), failure));
        if method == "initialize" {
            self.revision = legacy::agreed(params);
            return self.revision.map_or_else(
                || failed(&Failure::PARAMS),
                |revision| Called::Message(legacy::welcome(id, revision, false)),
            );
        }
        let is_modern = params.read.meta.as_ref().is_some_and(|meta| meta.protocol_version.is_some());
        let called = match (is_modern, self.revision) {
            (true, _) => match modern::revision(params) {
                None => failed(&Failure::PARAMS),
                Some(MODERN) => modern::answer(server, id, method, params),
                Some(other) => failed(&Refusal::revision(other).failure),
            },
            (false, None) if method != "ping" => failed(&UNKNOWN),
            (false, _) => legacy::answer(server, id, method, params),
        };
        // Without HTTP there is no status that could say so.
        if called == Called::Gone { failed(&GONE) } else { called }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;
    use crate::upstream::Args;

    fn server(flags: &[&str]) -> Server {
        let argv = ["mock-upstream", "--stdio", "--mcp"].iter().chain(flags);
        Server::new(Args::parse_from(argv).mcp, vec![b'x'; 300].into())
    }

    fn ask(session: &mut Session, server: &Server, message: &Value) -> Vec<Value> {
        let mut answers = Vec::new();
        session.answer(server, message.to_string().as_bytes(), &mut answers);
        let lines = answers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn request(id: u64, method: &str, params: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    #[test]
    fn a_legacy_client_begins_with_initialize() {
        let (server, mut session) = (server(&[]), Session::default());
        let early = ask(&mut session, &server, &request(1, "tools/list", &json!({})));
        assert_eq!(early[0]["error"]["code"], -32600);
        let asked = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
        let welcome = ask(&mut session, &server, &request(2, "initialize", &asked));
        assert_eq!(welcome[0]["result"]["protocolVersion"], "2025-06-18");
        let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert!(ask(&mut session, &server, &note).is_empty());
        let listed = ask(&mut session, &server, &request(3, "tools/list", &json!({})));
        assert_eq!(listed[0]["result"]["tools"][0]["name"], "echo");
        let call = json!({"name": "echo", "arguments": {}, "_meta": {"progressToken": 4}});
        let called = ask(&mut session, &server, &request(4, "tools/call", &call));
        assert_eq!((called.len(), &called[3]["id"]), (4, &json!(4)), "three notifications before the result");
    }

    #[test]
    fn a_modern_client_describes_each_request() {
        let (server, mut session) = (server(&[]), Session::default());
        let named = |version: &str| json!({"name": "echo", "_meta": {"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}}});
        let discovered = ask(&mut session, &server, &request(1, "server/discover", &named(MODERN)));
        assert_eq!(discovered[0]["result"]["supportedVersions"][0], MODERN);
        let called = ask(&mut session, &server, &request(2, "tools/call", &named(MODERN)));
        assert_eq!(called[0]["result"]["resultType"], "complete");
        let refused = ask(&mut session, &server, &request(3, "tools/call", &named("2099-01-01")));
        assert_eq!(refused[0]["error"]["code"], -32022);
    }

    #[test]
    fn what_is_no_message_is_answered_with_an_error_and_an_empty_line_with_nothing() {
        let (server, mut session) = (server(&[]), Session::default());
        let codes = [("{", -32700), ("[]", -32600), ("{\"id\":1}", -32600)];
        for (line, code) in codes {
            let mut answers = Vec::new();
            session.answer(&server, line.as_bytes(), &mut answers);
            let answer: Value = serde_json::from_slice(&answers).unwrap();
            assert_eq!(answer["error"]["code"], code, "{line}");
        }
        let mut answers = Vec::new();
        session.answer(&server, b" \r", &mut answers);
        assert!(answers.is_empty());
    }
}
