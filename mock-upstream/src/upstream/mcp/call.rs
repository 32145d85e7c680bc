//! Answers to `tools/call`, and the faults in them.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;

use super::fault::McpFaultKind;
use super::message::Params;
use super::server::Server;
use super::write::{self, Era, Failure};
use crate::share::belongs;

/// The answer to one call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// One message.
    Message(Bytes),
    /// Messages in an event stream. The last one is the result, unless a fault cuts it off.
    Events(Vec<Bytes>),
    /// The session is gone, as a fault pretends.
    Gone,
}

/// Answers the request `id`.
pub(super) fn call(server: &Server, era: Era, id: &str, params: &Params<'_>) -> Called {
    let tool = params.read.name.as_deref();
    let failure = match (params.valid, tool) {
        (true, Some(name)) => match server.tools.find(name) {
            Some(number) => {
                server.counts.record_tool(number);
                return called(server, era, id, params);
            }
            None => Failure::TOOL,
        },
        _ => Failure::PARAMS,
    };
    Called::Message(write::error(Some(id), &failure))
}

fn called(server: &Server, era: Era, id: &str, params: &Params<'_>) -> Called {
    let token = params.progress_token();
    let number = server.calls.fetch_add(1, Relaxed);
    let streamed = match server.flags.mcp_sse {
        Some(share) => belongs(share, number),
        None => token.is_some() && server.flags.mcp_progress > 0,
    };
    let fault = server.faults.of_call(era, streamed);
    let result = match fault {
        Some(McpFaultKind::Gone) => return Called::Gone,
        Some(fault) => wrong(server, era, id, fault),
        None => server.tools.call(era, id, false),
    };
    if !streamed {
        return Called::Message(result);
    }
    let total = server.flags.mcp_progress;
    let progress = token.map(|token| (1..=total).map(move |done| write::progress(token, done, total)));
    let mut messages: Vec<Bytes> = progress.into_iter().flatten().collect();
    server.counts.event_answers.fetch_add(1, Relaxed);
    server.counts.progress.fetch_add(messages.len() as u64, Relaxed);
    if fault != Some(McpFaultKind::Cut) {
        messages.push(result);
    }
    Called::Events(messages)
}

/// Writes a wrong answer.
fn wrong(server: &Server, era: Era, id: &str, fault: McpFaultKind) -> Bytes {
    match fault {
        McpFaultKind::WrongId => server.tools.call(era, r#""the id of no request""#, false),
        McpFaultKind::WrongVersion => {
            let right = server.tools.call(era, id, false);
            let text = String::from_utf8_lossy(&right).replacen(r#""jsonrpc":"2.0""#, r#""jsonrpc":"1.0""#, 1);
            text.into()
        }
        McpFaultKind::IsError => server.tools.call(era, id, true),
        McpFaultKind::Error => write::error(Some(id), &Failure::INJECTED),
        McpFaultKind::NoResult => format!(r#"{{"jsonrpc":"2.0","id":{id}}}"#).into(),
        McpFaultKind::NoResultType => server.tools.call(Era::Legacy, id, false),
        // These change something else than the message.
        McpFaultKind::Gone | McpFaultKind::Cut | McpFaultKind::NoSession => server.tools.call(era, id, false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::upstream::mcp::flags::McpFlags;
    use crate::upstream::mcp::message::{Body, Message};

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        mcp: McpFlags,
    }

    fn server(flags: &[&str]) -> Server {
        let argv = ["", "--mcp", "--mcp-tools", "3"].iter().chain(flags);
        let flags = <Flags as clap::Parser>::parse_from(argv).mcp;
        Server::new(flags, vec![b'x'; 300].into())
    }

    fn ask(server: &Server, era: Era, params: &str) -> Called {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
        match Body::parse(text.as_bytes()) {
            Ok(Body::One(Message::Request { id, params, .. })) => call(server, era, id, &params),
            other => panic!("{other:?}"),
        }
    }

    fn value(called: &Called) -> Value {
        match called {
            Called::Message(text) => serde_json::from_slice(text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    const ECHO: &str = r#"{"name":"echo"}"#;
    const WITH_TOKEN: &str = r#"{"name":"tool_002","_meta":{"progressToken":"t"}}"#;

    #[test]
    fn a_call_with_a_progress_token_is_a_stream_that_ends_with_its_result() {
        let server = server(&["--mcp-progress", "2"]);
        let Called::Events(messages) = ask(&server, Era::Legacy, WITH_TOKEN) else { panic!("no stream") };
        let messages: Vec<Value> = messages.iter().map(|text| serde_json::from_slice(text).unwrap()).collect();
        let progress: Vec<_> = messages.iter().map(|message| &message["params"]["progress"]).collect();
        assert_eq!(progress[..2], [&1, &2]);
        assert_eq!((&messages[2]["id"], &messages[2]["result"]["isError"]), (&Value::from(7), &Value::from(false)));
        assert_eq!(value(&ask(&server, Era::Legacy, ECHO))["id"], 7);
        let report = server.report();
        assert_eq!((report.event_answers, report.progress), (1, 2));
        let tools: Vec<_> = report.tools.iter().map(|tool| (tool.name.as_str(), tool.hits)).collect();
        assert_eq!(tools, [("echo", 1), ("tool_002", 1)]);
    }

    #[test]
    fn a_share_of_the_calls_is_streamed() {
        let server = server(&["--mcp-sse", "15%"]);
        let streamed = (0..1000).filter(|_| matches!(ask(&server, Era::Modern, ECHO), Called::Events(_))).count();
        assert!((148..=152).contains(&streamed), "{streamed} of 1000");
        let Called::Events(messages) = (0..100)
            .map(|_| ask(&server, Era::Modern, ECHO))
            .find(|called| matches!(called, Called::Events(_)))
            .unwrap()
        else {
            panic!("no stream")
        };
        assert_eq!(messages.len(), 1, "no progress without a token");
    }

    #[test]
    fn unknown_tools_and_wrong_parameters_are_errors() {
        let server = server(&["--mcp-fault", "error:1"]);
        for params in [r#"{"name":"tool_003"}"#, "{}", r#"{"name":5}"#] {
            assert_eq!(value(&ask(&server, Era::Modern, params))["error"]["code"], -32602, "{params}");
        }
        assert_eq!(server.report().faults[0].injected, 0);
    }

    #[test]
    fn each_fault_is_in_every_nth_answer() {
        let check = |fault: &str, wrong: fn(&Value) -> bool| {
            let server = server(&["--mcp-fault", &format!("{fault}:2")]);
            let answers = [(); 4].map(|()| value(&ask(&server, Era::Modern, ECHO)));
            assert_eq!(answers.each_ref().map(wrong), [false, true, false, true], "{fault}: {answers:?}");
            assert_eq!(server.report().faults[0].injected, 2);
        };
        check("wrong-id", |answer| answer["id"] != 7);
        check("wrong-version", |answer| answer["jsonrpc"] != "2.0");
        check("is-error", |answer| answer["result"]["isError"] == true);
        check("error", |answer| answer["error"]["code"] == -32603);
        check("no-result", |answer| answer["result"].is_null() && answer["error"].is_null());
        check("no-result-type", |answer| answer["result"]["resultType"].is_null());
    }

    #[test]
    fn a_session_pretends_to_be_gone_and_a_stream_is_cut() {
        let gone = server(&["--mcp-fault", "gone:2"]);
        assert_eq!([(); 3].map(|()| ask(&gone, Era::Legacy, ECHO) == Called::Gone), [false, true, false]);
        let cut = server(&["--mcp-fault", "cut:1", "--mcp-progress", "2"]);
        assert!(matches!(ask(&cut, Era::Modern, WITH_TOKEN), Called::Events(messages) if messages.len() == 2));
        assert!(matches!(ask(&cut, Era::Modern, ECHO), Called::Message(_)), "one message cannot be cut");
    }
}
