use super::*;
use crate::mcp::workload::Revision;

fn workload(revision: Revision) -> Workload {
    Workload { tools: Some(2), burst: (1, 2), ..Workload::plain(revision) }
}

fn found(revision: Revision, method: Method, form: Form, body: &str) -> Result<(bool, u64), Fault> {
    let workload = workload(revision);
    let asked = Asked { method, id: 7, listed: 0, workload: &workload };
    read(asked, form, body.as_bytes()).map(|read| (read.streamed, read.notifications)).map_err(|wrong| wrong.fault)
}

fn legacy(method: Method, body: &str) -> Result<(bool, u64), Fault> {
    found(Revision::November2025, method, Form::Json, body)
}

fn modern(method: Method, body: &str) -> Result<(bool, u64), Fault> {
    found(Revision::July2026, method, Form::Json, body)
}

const CALLED: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a"}]}}"#;
const COMPLETED: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[],"isError":false}}"#;

#[test]
fn valid_answers_are_valid() {
    assert_eq!(legacy(Method::ToolsCall, CALLED), Ok((false, 0)));
    assert_eq!(modern(Method::ToolsCall, COMPLETED), Ok((false, 0)));
    let opened = r#"{"id":7,"result":{"protocolVersion":"2025-11-25","capabilities":{}},"jsonrpc":"2.0"}"#;
    assert_eq!(legacy(Method::Initialize, opened), Ok((false, 0)));
    let discovered = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","supportedVersions":["2025-11-25","2026-07-28"]}}"#;
    assert_eq!(modern(Method::Discover, discovered), Ok((false, 0)));
}

#[test]
fn the_tools_of_a_list_are_counted_and_named() {
    let list = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a","inputSchema":{"x":[1]}},{"name":"b\"c"}]}}"#;
    let workload = workload(Revision::June2025);
    let asked = Asked { method: Method::ToolsList, id: 7, listed: 0, workload: &workload };
    let read = read(asked, Form::Json, list.as_bytes()).unwrap();
    assert_eq!(read.page, Some(Page { tools: vec!["a".into(), "b\"c".into()], cursor: None }));
    let one = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a"}]}}"#;
    assert_eq!(legacy(Method::ToolsList, one), Err(Fault::Tools));
    assert_eq!(legacy(Method::ToolsList, CALLED), Err(Fault::Tools));
    let first = one.replace("]}}", "],\"nextCursor\":\"x\"}}");
    assert_eq!(legacy(Method::ToolsList, &first), Ok((false, 0)));
    let last = Asked { listed: 1, ..asked };
    assert_eq!(super::read(last, Form::Json, one.as_bytes()).unwrap().page.unwrap().cursor, None);
    let endless = super::read(last, Form::Json, first.as_bytes()).unwrap_err();
    assert_eq!((endless.fault, endless.found.as_str()), (Fault::Tools, "2 and more pages instead of 2"));
}

#[test]
fn each_mistake_of_a_server_is_found_as_what_it_is() {
    for (body, fault) in [
        (r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}"#, Fault::Unreadable),
        ("[]", Fault::Unreadable),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#, Fault::Unreadable),
        (r#"{"jsonrpc":"1.0","id":7,"result":{"content":[]}}"#, Fault::Jsonrpc),
        (r#"{"id":7,"result":{"content":[]}}"#, Fault::Jsonrpc),
        (r#"{"jsonrpc":"2.0","id":8,"result":{"content":[]}}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":"7","result":{"content":[]}}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"x","data":[1]}}"#, Fault::Error),
        (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, Fault::NoResult),
        (r#"{"jsonrpc":"2.0","id":7}"#, Fault::NoResult),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#, Fault::ToolError),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, Fault::Content),
    ] {
        assert_eq!(legacy(Method::ToolsCall, body), Err(fault), "{body}");
    }
    assert_eq!(modern(Method::ToolsCall, CALLED), Err(Fault::ResultType));
    assert_eq!(modern(Method::ToolsCall, &COMPLETED.replace("complete", "input_required")), Err(Fault::ResultType));
    assert_eq!(legacy(Method::Initialize, CALLED), Err(Fault::Revision));
    assert_eq!(modern(Method::Discover, COMPLETED), Err(Fault::Revision));
    assert_eq!(found(Revision::July2026, Method::ToolsCall, Form::Other, COMPLETED), Err(Fault::ContentType));
}

#[test]
fn a_stream_has_notifications_and_then_one_answer() {
    let stream = |method, revision, body: &str| found(revision, method, Form::Events, body);
    let progress = |token: u64| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{token},\"progress\":1}}}}\n\n"
        )
    };
    let answer = format!("event: message\ndata: {COMPLETED}\n\n");
    let read = |body: &str| stream(Method::ToolsCall, Revision::July2026, body);
    assert_eq!(read(&answer), Ok((true, 0)));
    assert_eq!(read(&format!("id: 1\ndata:\n\n{}: ping\n\n{}{answer}", progress(7), progress(7))), Ok((true, 2)));
    assert_eq!(read(&format!("{}{answer}", progress(8))), Err(Fault::Progress));
    assert_eq!(read(&progress(7)), Err(Fault::Stream));
    assert_eq!(read(answer.trim_end()), Err(Fault::Stream));
    assert_eq!(read(&format!("{answer}{answer}")), Err(Fault::Stream));
    assert_eq!(read(&answer.replace("\"complete\",", "\"complete\",\ndata: ")), Ok((true, 0)));
    assert_eq!(read("event: error\ndata: {}\n\n"), Err(Fault::Stream));
    let asks = format!("data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\"}}\n\n{answer}");
    assert_eq!(read(&asks), Err(Fault::Stream));
    assert_eq!(stream(Method::ToolsCall, Revision::November2025, &asks), Ok((true, 1)));
}

#[test]
fn the_content_type_decides_the_form() {
    assert_eq!(Form::of(b"application/json"), Form::Json);
    assert_eq!(Form::of(b"Application/JSON; charset=utf-8"), Form::Json);
    assert_eq!(Form::of(b"text/event-stream;charset=utf-8"), Form::Events);
    assert_eq!([Form::of(b"text/html"), Form::of(b"")], [Form::Other; 2]);
}
