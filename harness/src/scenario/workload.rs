//! Reads `[workload.mcp]`: what agents do.

use super::request::{Around, check_headers, check_path, check_timeout, read_ledger_rule};
use super::stage::load::at_least;
use crate::measure::LedgerRule;
use crate::spec::Section;
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_load::mcp::workload::{LARGEST_TEXT, MOST_PARALLEL, Revision, TextSize, Workload};
use harness_load::spec::{Body, Expect, Request};

const ABOUT: &str = "what virtual users do, instead of sending one request after the other";

/// Header fields that agents write themselves.
const OURS: [&str; 10] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
];

/// The longest pause of an agent.
const LONGEST_PAUSE: Nanos = Nanos::from_secs(600);
/// The largest spread of texts: with it, one in six is more than 50 times as long as the median.
const LARGEST_SIGMA: f64 = 4.0;

/// Reads the agents of the scenario; `None` if it has none.
pub(super) fn read(root: &Section<'_>, around: Around<'_>) -> Option<Request> {
    let section = root.optional_table("workload", ABOUT)?;
    let agents = section.optional_table("mcp", "agents that speak the Model Context Protocol");
    if agents.is_none() {
        section.mistake("", "names no workload", Some("write [workload.mcp]".to_owned()));
    }
    Some(read_mcp(&agents?, around, &by_default(around)))
}

/// Reads the agents of a stage: those of the scenario with changes.
pub(super) fn of_stage(section: &Section<'_>, agents: Option<&Request>, around: Around<'_>) -> Vec<Request> {
    const CHANGES: &str = "changes to [workload.mcp] for this stage";
    match agents {
        Some(agents) => vec![read_mcp(&section.table("workload", CHANGES), around, agents)],
        None if section.describing() => {
            vec![read_mcp(&section.table("workload", CHANGES), around, &by_default(around))]
        }
        None => {
            let hint = "add [workload.mcp] with a revision".to_owned();
            section.mistake("", "sends what agents send, but the scenario has no [workload.mcp]", Some(hint));
            Vec::new()
        }
    }
}

/// Reads the messages of a stage whose arms are the pipes of a server: the calls of one user after the other, whose texts have one size.
pub(super) fn of_pipes(section: &Section<'_>, around: Around<'_>) -> Request {
    let agents = by_default(Around { counts_hits: false, ..around });
    let Body::Mcp(by_default) = &agents.body else { return agents };
    let texts =
        section.field("text", "size of the text of a call").check(|size: &Bytes| check_text(*size)).default(Bytes(256));
    let text = TextSize { median: texts, sigma: 0.0, largest: texts };
    let base = Workload { text, burst: (1, 1), progress: false, ..Workload::clone(by_default) };
    // Messages of pipes have no method of HTTP.
    Request {
        method: String::new(),
        timeout: read_timeout(section, agents.timeout),
        body: Body::Mcp(Box::new(read_calls(section, &base))),
        ..agents
    }
}

/// Returns agents as measured in front of real servers: most bodies are short, and a few are long.
fn by_default(around: Around<'_>) -> Request {
    let workload = Workload {
        revision: Revision::default(),
        tools: None,
        tool: None,
        argument: "text".to_owned(),
        text: TextSize { median: Bytes(1 << 10), sigma: 1.0, largest: Bytes(64 << 10) },
        calls: 20,
        burst: (1, 8),
        think: (Nanos::from_millis(10), Nanos::from_millis(50)),
        abandoned: Ratio(0.5),
        session_id: true,
        discover: true,
        progress: true,
        listen: Ratio(0.0),
        batches: Ratio(0.0),
    };
    let upstream_hits = if around.counts_hits { LedgerRule::Exact } else { LedgerRule::Unknown };
    Request {
        name: "mcp".to_owned(),
        weight: 1,
        method: "POST".to_owned(),
        path: "/mcp".to_owned(),
        headers: Vec::new(),
        body: Body::Mcp(Box::new(workload)),
        expect: Expect { upstream_hits, ..Expect::default() },
        timeout: Nanos::from_secs(5),
    }
}

fn read_mcp(section: &Section<'_>, around: Around<'_>, base: &Request) -> Request {
    let headers: Vec<(String, String)> = section
        .field("headers", "header fields of every request, for example for authorization")
        .default(base.headers.clone());
    check_headers(section, "headers", &headers);
    for (name, _) in headers.iter().filter(|(name, _)| OURS.contains(&name.to_ascii_lowercase().as_str())) {
        section.mistake(&format!("headers.{name}"), "is written by the agent itself", Some("leave it out".to_owned()));
    }
    let rule = read_ledger_rule(section, around.counts_hits);
    let upstream_hits = if section.has("upstream_hits") { rule } else { base.expect.upstream_hits };
    let Body::Mcp(workload) = &base.body else { return base.clone() };
    Request {
        path: section.field("path", "path of the MCP endpoint").check(check_path).default(base.path.clone()),
        timeout: read_timeout(section, base.timeout),
        headers,
        expect: Expect { upstream_hits, ..base.expect.clone() },
        body: Body::Mcp(Box::new(read_workload(section, workload))),
        ..base.clone()
    }
}

fn read_timeout(section: &Section<'_>, default: Nanos) -> Nanos {
    section
        .field("timeout", "a request without a complete answer within this time is a timeout, not a latency")
        .check(check_timeout)
        .default(default)
}

fn check_text(size: Bytes) -> Result<(), String> {
    if size <= LARGEST_TEXT { Ok(()) } else { Err(format!("must be at most {}", LARGEST_TEXT.notation())) }
}

/// Reads which revision is spoken, and which tools are called.
fn read_calls(section: &Section<'_>, base: &Workload) -> Workload {
    let words = Revision::ALL.map(Revision::word);
    let about = "revision of the protocol; 2026-07-28 has no sessions";
    let word: String = section.field("revision", about).one_of(&words).default(base.revision.word().to_owned());
    let not_empty = |name: &String| if name.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) };
    let revision = Revision::ALL.into_iter().find(|revision| revision.word() == word).unwrap_or(base.revision);
    let listening = "share of the sessions during which agents hold a stream open on which the server can send: GET, or subscriptions/listen without sessions";
    Workload {
        revision,
        listen: read_share(section, ("listen", listening), base.listen),
        batches: read_batches(section, revision, base.batches),
        tools: section
            .field("tools", "number of tools that every list must have; default: any from 1")
            .check(at_least(1, ""))
            .optional()
            .or(base.tools),
        tool: section
            .field("tool", "the only tool that is called; default: each of those listed, at random")
            .check(not_empty)
            .optional()
            .or_else(|| base.tool.clone()),
        argument: section
            .field("argument", "name of the argument that is a text")
            .check(not_empty)
            .default(base.argument.clone()),
        discover: section
            .field("discover", "whether agents without sessions send server/discover before they list the tools")
            .default(base.discover),
        ..base.clone()
    }
}

fn read_workload(section: &Section<'_>, base: &Workload) -> Workload {
    Workload {
        text: read_text(&section.table("text", "size of the text of a call, which is lognormal"), &base.text),
        calls: section
            .field("calls", "calls of a session; without sessions, calls between two lists")
            .check(at_least(1, ""))
            .default(base.calls),
        burst: read_burst(section, base.burst),
        think: read_think(section, base.think),
        abandoned: read_share(
            section,
            ("abandoned", "share of the sessions that agents leave without DELETE"),
            base.abandoned,
        ),
        session_id: section
            .field("session_id", "whether the server must give each session an identifier")
            .default(base.session_id),
        progress: section.field("progress", "whether calls ask for notifications of progress").default(base.progress),
        ..read_calls(section, base)
    }
}

fn read_share(section: &Section<'_>, (key, about): (&'static str, &'static str), base: Ratio) -> Ratio {
    let within = |share: &Ratio| match (0.0..=1.0).contains(&share.0) {
        true => Ok(()),
        false => Err("must be from 0% to 100%".to_owned()),
    };
    section.field(key, about).check(within).default(base)
}

/// Reads the share of the bursts that are batches. A stage with another revision than the scenario has none.
fn read_batches(section: &Section<'_>, revision: Revision, base: Ratio) -> Ratio {
    let about = "share of the bursts that agents send as one batch; only revision 2025-03-26 has batches";
    let share = read_share(section, ("batches", about), base);
    if revision.has_batches() {
        return share;
    }
    if section.has("batches") && share.0 > 0.0 {
        let hint = "write revision = \"2025-03-26\", or leave it out".to_owned();
        section.mistake("batches", format!("{} has no batches", revision.word()), Some(hint));
    }
    Ratio(0.0)
}

fn read_text(section: &Section<'_>, base: &TextSize) -> TextSize {
    let fits = |size: &Bytes| check_text(*size);
    let spread = |sigma: &f64| {
        if (0.0..=LARGEST_SIGMA).contains(sigma) { Ok(()) } else { Err(format!("must be from 0 to {LARGEST_SIGMA}")) }
    };
    let text = TextSize {
        median: section.field("median", "median size").check(fits).default(base.median),
        sigma: section
            .field("sigma", "standard deviation of the natural logarithm of the size; 0 for one size")
            .check(spread)
            .default(base.sigma),
        largest: section.field("largest", "no text is longer").check(fits).default(base.largest),
    };
    if text.largest < text.median {
        let message = format!("{} is below the median of {}", text.largest.notation(), text.median.notation());
        section.mistake("largest", message, Some("raise largest".to_owned()));
    }
    text
}

fn read_burst(section: &Section<'_>, base: (u64, u64)) -> (u64, u64) {
    let about = "fewest and most calls that an agent sends at the same time, each over a connection of its own";
    let fits = |burst: &Vec<u64>| match burst.as_slice() {
        [fewest, most] if 1 <= *fewest && fewest <= most && *most <= MOST_PARALLEL => Ok(()),
        _ => Err(format!("must be two numbers from 1 to {MOST_PARALLEL} in ascending order, for example [1, 8]")),
    };
    let burst = section.field("burst", about).check(fits).default(vec![base.0, base.1]);
    pair(&burst).unwrap_or(base)
}

fn read_think(section: &Section<'_>, base: (Nanos, Nanos)) -> (Nanos, Nanos) {
    let about = "shortest and longest pause of an agent after a burst in a closed loop; in an open loop, the rate determines it";
    let fits = |think: &Vec<Nanos>| match think.as_slice() {
        [shortest, longest] if shortest <= longest && *longest <= LONGEST_PAUSE => Ok(()),
        _ => {
            let longest = LONGEST_PAUSE.notation();
            Err(format!("must be two durations up to {longest} in ascending order, for example [\"1s\", \"10s\"]"))
        }
    };
    let think = section.field("think", about).check(fits).default(vec![base.0, base.1]);
    pair(&think).unwrap_or(base)
}

fn pair<T: Copy>(values: &[T]) -> Option<(T, T)> {
    match values {
        [one, other] => Some((*one, *other)),
        _ => None,
    }
}
