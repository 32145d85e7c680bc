//! Reads `[stage.sessions]`.

use super::derive::FEWEST_STEPS;
use super::facts::{Ends, Held};
use super::work::Work;
use crate::measure::audit::Limits;
use crate::scenario::stage::base::{Base, Common, read_launches};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{at_least, longer_than_0};
use crate::spec::Section;
use crate::work;
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_load::mcp::workload::Revision;

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "measures what each open MCP session, stream or request costs, and what comes back",
};

/// The most sessions or streams: each needs a connection, and a client has some 28,000 ports for one server.
const MOST: u64 = 20_000;
const LARGEST_BODY: Bytes = Bytes(64 << 20);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
    check_wire(section, base);
    let held = read_held(section);
    let revision = read_revision(section, held);
    let external = base.is_external(section);
    let launches = read_launches(section, if external { 1 } else { 6 });
    if external && launches > 1 {
        section.mistake("launches", "harness cannot start an external target", Some("leave it out".to_owned()));
    }
    let most =
        |number: &u64| if *number <= MOST { Ok(()) } else { Err(format!("must be at most {MOST}, is {number}")) };
    let fewest = FEWEST_STEPS as u64 - 1;
    let steps = section
        .field("steps", "steps in which they are opened; a slope goes through them")
        .check(at_least(fewest, ": a slope needs them"))
        .check(most)
        .default(5);
    let per_connection = read_per_connection(section, held);
    let least = steps.saturating_mul(per_connection);
    let most = section
        .field("most", "sessions or streams that are open in the last step")
        .check(at_least(least, ": each step opens at least one connection"))
        .check(most)
        .default(200.max(least));
    let path = if held == Held::Requests { "/" } else { "/mcp" };
    Work {
        held,
        revision,
        path: section.field("path", "path of the MCP endpoint, or of the requests").default(path.to_owned()),
        headers: section.field("headers", "additional headers of each request").default(Vec::new()),
        launches,
        most,
        steps,
        per_connection,
        body: read_body(section, held),
        settle: section
            .field("settle", "time between the last opening of a step and its window")
            .default(Nanos::from_millis(300)),
        hold: section.field("hold", "window of each step").check(longer_than_0).default(Nanos::from_millis(500)),
        ping: section
            .field("ping", "interval of pings on each open session, for targets that end idle ones; default: none")
            .check(longer_than_0)
            .optional(),
        ends: read_ends(section, held, revision),
        wait: section.field("wait", "time between the end of all and the last window").default(Nanos::from_secs(3)),
        timeout: section
            .field("timeout", "time limit of each request")
            .check(longer_than_0)
            .default(Nanos::from_secs(5)),
        failed_limit: common.audit.errors.0,
    }
    .into()
}

fn read_per_connection(section: &Section<'_>, held: Held) -> u64 {
    let per_connection =
        section.field("per_connection", "sessions that share a connection").check(at_least(1, "")).default(1);
    if per_connection > 1 && held != Held::Sessions {
        section.mistake(
            "per_connection",
            "is about sessions: a stream or a request needs a connection of its own",
            Some("leave it out".to_owned()),
        );
    }
    per_connection
}

/// Reads the size of the bodies, whose last byte is kept back.
fn read_body(section: &Section<'_>, held: Held) -> Bytes {
    let fits = |size: &Bytes| match (Bytes(1)..=LARGEST_BODY).contains(size) {
        true => Ok(()),
        false => Err(format!("must be 1B to {}, is {}", LARGEST_BODY.notation(), size.notation())),
    };
    let about = "size of the body of each request, of which the last byte is sent at the end";
    let body = section.field("body", about).check(fits).default(Bytes(64 << 10));
    if section.has("body") && held != Held::Requests {
        let hint = "write open = \"requests\", or leave it out".to_owned();
        section.mistake("body", format!("is about requests, and the stage opens {}", held.word()), Some(hint));
    }
    body
}

/// Checks that the client of this stage can speak with the target.
fn check_wire(section: &Section<'_>, base: &Base<'_>) {
    if base.target.endpoints.proxy.starts_with("https://") && !section.describing() {
        section.mistake(
            "",
            "opens sessions over HTTP/1.1 without TLS, and target.endpoints.proxy is an https URL",
            Some("leave the stage out of this scenario".to_owned()),
        );
    }
}

fn read_held(section: &Section<'_>) -> Held {
    let words = Held::ALL.map(Held::word);
    let about = "what is opened: sessions, streams that stay idle, or requests whose bodies are under way";
    let word: Option<String> = section.field("open", about).one_of(&words).optional();
    let held = word.and_then(|word| Held::ALL.into_iter().find(|held| held.word() == word));
    held.unwrap_or_default()
}

fn read_revision(section: &Section<'_>, held: Held) -> Revision {
    let names = Revision::ALL.map(Revision::word);
    let about = "revision of MCP; default: 2025-11-25 for sessions, 2026-07-28 for streams";
    let name: Option<String> = section.field("revision", about).one_of(&names).optional();
    let default = if held == Held::Sessions { Revision::November2025 } else { Revision::July2026 };
    let written = name.and_then(|name| Revision::ALL.into_iter().find(|revision| revision.word() == name));
    let revision = written.unwrap_or(default);
    if held == Held::Sessions && !revision.has_sessions() {
        let hint = "write open = \"streams\", or an earlier revision".to_owned();
        section.mistake("revision", format!("has no sessions: {}", revision.word()), Some(hint));
    }
    revision
}

/// Reads the shares of the ends. What is left is abandoned.
fn read_ends(section: &Section<'_>, held: Held, revision: Revision) -> Ends {
    let table =
        section.table("end", "how they end; the rest is abandoned: the connection stays open and nothing more is sent");
    let within = |share: &Ratio| match (0.0..=1.0).contains(&share.0) {
        true => Ok(()),
        false => Err(format!("must be between 0% and 100%, is {}", share.notation())),
    };
    let is_written = ["delete", "close", "finish"].iter().any(|key| table.has(key));
    let usual = match held {
        Held::Sessions if !is_written => (0.5, 0.5, 0.0),
        Held::Streams if !is_written => (0.0, 1.0, 0.0),
        Held::Requests if !is_written => (0.0, 0.0, 1.0),
        _ => (0.0, 0.0, 0.0),
    };
    let share = |key, about, usual| table.field(key, about).check(within).default(Ratio(usual)).0;
    let delete = share("delete", "share whose client sends DELETE and closes the connection", usual.0);
    let close = share("close", "share whose client closes the connection without DELETE, as most clients do", usual.1);
    let about = "share whose client sends the last byte of the body and reads the answer";
    let finish = share("finish", about, usual.2);
    if finish > 0.0 && held != Held::Requests {
        let hint = "write open = \"requests\"".to_owned();
        table.mistake("finish", format!("is about requests, and the stage opens {}", held.word()), Some(hint));
    }
    if delete > 0.0 && held == Held::Requests {
        table.mistake("delete", "is about sessions, and the stage opens requests", Some("write finish".to_owned()));
    } else if delete > 0.0 && !revision.has_sessions() {
        table.mistake(
            "delete",
            "is about sessions, which revision 2026-07-28 does not have",
            Some("write close".to_owned()),
        );
    }
    let sum = delete + close + finish;
    if sum > 1.0 + 1e-9 {
        let (ends, sum) = (if held == Held::Requests { "finish" } else { "delete" }, Ratio(sum).notation());
        table.mistake("", format!("{ends} and close are {sum} together"), Some("their sum is at most 100%".to_owned()));
    }
    Ends { delete, close, abandon: (1.0 - sum).max(0.0), finish }
}
