//! Reads `[request]`.

use std::path::Path;

use hyper::header::{HeaderName, HeaderValue};

use super::stage::load::at_least;
use super::wire;
use crate::measure::LedgerRule;
use crate::spec::Section;
use harness_base::files;
use harness_base::units::{Bytes, Nanos};
use harness_load::spec::{Body, Expect, Framing, GeneratorSpec, Request, StreamedBody, TlsSpec, TlsVersion};
use harness_load::template::Template;

/// Parts of the scenario that requests depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Folder of the scenario, absolute; relative paths start here.
    pub folder: &'a Path,
    /// Whether the upstream counts its hits, as the bundled one does.
    pub counts_hits: bool,
}

/// The keys of one request, which distinguish `[request]` from `[request.NAME]`.
const KEYS: [&str; 11] = [
    "method",
    "path",
    "headers",
    "body",
    "body_file",
    "template",
    "template_file",
    "stream",
    "expect",
    "timeout",
    "weight",
];

/// The largest chunk of a streamed body, which is in memory.
const LARGEST_CHUNK: u64 = 16 << 20;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that frame the message; the generator sets them.
const OURS: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// Returns whether the section below `request` is one request instead of several named ones: it contains a key of a
/// request, or a value that is not a table.
pub(super) fn is_single(section: &Section<'_>) -> bool {
    section.keys().iter().any(|key| KEYS.contains(&key.as_str()) || !section.has_table(key))
}

/// Reads `[generator]`, which sends requests to `proxy`.
pub(super) fn read_generator(section: &Section<'_>, folder: &Path, proxy: &str) -> GeneratorSpec {
    let workers = section.field("workers", "number of worker threads; 0 for the default, see docs/performance.md");
    let tls = read_tls(&section.table("tls", "how TLS is spoken with https endpoints"), folder);
    let http2 = wire::read_http2(&section.table("http2", "how HTTP/2 is spoken, with wire h2c or h2"));
    let wire = wire::read(section, proxy);
    GeneratorSpec { cpuset: section.cpuset(), workers: workers.default(0), wire, http2, tls }
}

/// Reads `[generator.tls]`.
fn read_tls(section: &Section<'_>, folder: &Path) -> TlsSpec {
    let about = "file with certificates that are trusted besides the authority of the run; relative to the scenario";
    let authority: Option<String> = section.field("ca", about).optional();
    let authority = authority.and_then(|path| read_file(section, "ca", folder, &path)).unwrap_or_default();
    let about =
        "name that the certificate of the server must have; default: the host of the URL, localhost for an IP address";
    let server_name = section.field("server_name", about).optional();
    let words = TlsVersion::ALL.map(TlsVersion::word);
    let about = "the only version of TLS that is offered: 1.2 or 1.3; default: both";
    let version: Option<String> = section.field("version", about).one_of(&words).optional();
    let version = version.and_then(|word| TlsVersion::ALL.into_iter().find(|version| version.word() == word));
    let resumption = section.field("resumption", "whether a new connection resumes an earlier session").default(true);
    TlsSpec { authority, server_name, version, resumption }
}

/// Reads one request.
pub(super) fn read_request(name: &str, section: &Section<'_>, around: Around<'_>) -> Request {
    let method = section.field("method", "HTTP method").check(check_method).default("GET".to_owned());
    let path: String = section.field("path", "path and query, starting with a slash").check(check_path).required();
    let headers: Vec<(String, String)> = section.field("headers", "header fields").default(Vec::new());
    check_headers(section, "headers", &headers);
    for (field, _) in headers.iter().filter(|(field, _)| OURS.contains(&field.to_ascii_lowercase().as_str())) {
        section.mistake(
            &format!("headers.{field}"),
            "is written by the generator itself",
            Some("leave it out".to_owned()),
        );
    }
    Request {
        name: name.to_owned(),
        weight: section
            .field("weight", "frequency relative to the other requests")
            .check(|weight: &u64| if *weight > 0 { Ok(()) } else { Err("must be at least 1, is 0".to_owned()) })
            .default(1),
        method,
        path,
        headers,
        body: read_body(section, around.folder),
        expect: read_expect(&section.table("expect", "conditions of a valid answer"), around.counts_hits),
        timeout: section
            .field("timeout", "a request without a complete answer within this time is a timeout, not a latency")
            .check(check_timeout)
            .default(Nanos::from_secs(5)),
    }
}

/// Returns warnings about this request.
pub(super) fn warnings(request: &Request) -> Vec<String> {
    let mut warnings = Vec::new();
    if request.expect.status.is_none() && !request.expect.looks_into_body() {
        warnings.push(format!(
            "request {}: no `expect`, so any 2xx counts as success, even with a refusal in its body; \
                 add expect = {{ status = 200, json = {{ present = [\"/result\"] }} }}",
            request.name
        ));
    }
    let typed = request.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case("content-type"));
    if request.body != Body::Empty && !typed {
        warnings.push(format!(
            "request {}: a body without a content-type header; a proxy that refuses it at once looks fast",
            request.name
        ));
    }
    warnings
}

/// Reads `expect`.
fn read_expect(section: &Section<'_>, counts_hits: bool) -> Expect {
    let status =
        section
            .field("status", "exact status; default: any 2xx")
            .check(|status: &u64| {
                if (200..=599).contains(status) { Ok(()) } else { Err(format!("{status} is not a final HTTP status")) }
            })
            .optional();
    let headers: Vec<(String, String)> =
        section.field("headers", "header fields that must be present with this value").default(Vec::new());
    check_headers(section, "headers", &headers);
    let json = section.table("json", "conditions on the JSON body");
    let present = read_pointers(&json, "present", "JSON pointers that must exist and not be null");
    let absent = read_pointers(&json, "absent", "JSON pointers that must be missing or null");
    for pointer in present.iter().filter(|pointer| absent.contains(pointer)) {
        json.mistake("absent", format!("{pointer:?} cannot be present and absent at once"), None);
    }
    let equals: Vec<(String, serde_json::Value)> =
        json.field("equals", "JSON pointers and the values that must be there").default(Vec::new());
    let matches: Vec<(String, String)> = json
        .field("matches", "JSON pointers and regular expressions that must match the text there")
        .check(|patterns: &Vec<(String, String)>| check_patterns(patterns))
        .default(Vec::new());
    check_pointers(&json, "equals", equals.iter().map(|(pointer, _)| pointer));
    check_pointers(&json, "matches", matches.iter().map(|(pointer, _)| pointer));
    let length: Option<u64> = section.field("length", "exact length of the body in bytes").optional();
    let about = "number of server-sent events in the body; their times become metrics";
    let events = section.field("events", about).check(at_least(1, "")).optional();
    Expect {
        status: status.and_then(|status| u16::try_from(status).ok()),
        headers,
        present,
        absent,
        equals,
        matches,
        length,
        events,
        stamped: None,
        leave_after: None,
        watch: None,
        upstream_hits: read_ledger_rule(section, counts_hits),
    }
}

pub(super) fn read_ledger_rule(section: &Section<'_>, counts_hits: bool) -> LedgerRule {
    let about = "how many requests must reach the bundled upstream: exact, at_least (a target that retries) or none";
    let word = section.field("upstream_hits", about).one_of(&["exact", "at_least", "none"]).optional();
    if word.is_some() && !counts_hits {
        let message = "cannot be checked: only the bundled upstream counts its hits";
        section.mistake("upstream_hits", message, Some("leave it out, or use [upstream.builtin]".to_owned()));
    }
    match word.as_deref() {
        _ if !counts_hits => LedgerRule::Unknown,
        Some("at_least") => LedgerRule::AtLeast,
        Some("none") => LedgerRule::None,
        _ => LedgerRule::Exact,
    }
}

fn read_pointers(section: &Section<'_>, key: &'static str, about: &'static str) -> Vec<String> {
    let pointers: Vec<String> = section.field(key, about).default(Vec::new());
    check_pointers(section, key, pointers.iter());
    pointers
}

fn check_pointers<'a>(section: &Section<'_>, key: &str, pointers: impl Iterator<Item = &'a String>) {
    for (index, pointer) in pointers.enumerate().filter(|(_, pointer)| !pointer.starts_with('/')) {
        let message = format!("{pointer:?} is not a JSON pointer: it must start with /");
        section.mistake(&format!("{key}.{index}"), message, Some(format!("/{}", pointer.replace('.', "/"))));
    }
}

fn check_patterns(patterns: &[(String, String)]) -> Result<(), String> {
    let wrong = |(_, pattern): &(String, String)| {
        let error = harness_load::check_pattern(pattern).err()?;
        Some(format!("{pattern:?} is not a regular expression: {error}"))
    };
    patterns.iter().find_map(wrong).map_or(Ok(()), Err)
}

fn check_method(method: &String) -> Result<(), String> {
    if METHODS.contains(&method.as_str()) {
        return Ok(());
    }
    Err(format!("{method:?} is not one of {}", METHODS.join(", ")))
}

pub(crate) fn check_timeout(span: &Nanos) -> Result<(), String> {
    let fits = *span > Nanos::ZERO && *span <= Nanos::from_secs(120);
    if fits { Ok(()) } else { Err("must be longer than 0 and at most 120s".to_owned()) }
}

pub(crate) fn check_path(path: &String) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err(format!("{path:?} must start with /; the host belongs to [target.endpoints]"));
    }
    let parsed: Result<hyper::http::uri::PathAndQuery, _> = path.parse();
    parsed.map(|_| ()).map_err(|error| format!("{path:?} is not a path: {error}"))
}

pub(crate) fn check_headers(section: &Section<'_>, key: &str, headers: &[(String, String)]) {
    for (field, value) in headers {
        let at = format!("{key}.{field}");
        if HeaderName::from_bytes(field.as_bytes()).is_err() {
            section.mistake(&at, format!("{field:?} is not a header name"), None);
        }
        if HeaderValue::from_str(value).is_err() {
            section.mistake(&at, format!("{value:?} is not a header value"), None);
        } else if value.contains("${") {
            let message = "environment variables are read in [target] and [upstream] only";
            section.mistake(&at, message, Some(format!("--set with a key such as request.{at}")));
        }
    }
}

fn read_body(section: &Section<'_>, folder: &Path) -> Body {
    let body: Option<String> = section.field("body", "constant body").optional();
    let body_file: Option<String> =
        section.field("body_file", "file with the body; relative to the scenario").optional();
    let template: Option<String> =
        section.field("template", "body with seeded fields: {{seq}}, {{uuid}}, {{int 1 100}}, {{text 16}}").optional();
    let template_file: Option<String> =
        section.field("template_file", "file with a body with seeded fields").optional();
    let written: Vec<&str> = ["body", "body_file", "template", "template_file", "stream"]
        .into_iter()
        .filter(|key| section.has(key))
        .collect();
    if let [first, second, ..] = written.as_slice() {
        section.mistake(second, format!("gives a second body, in addition to {first}"), Some("keep one".to_owned()));
    }
    let from_file = |key, path: Option<String>| path.and_then(|path| read_file(section, key, folder, &path));
    let fixed = body.or_else(|| from_file("body_file", body_file)).map(Body::Fixed);
    let seeded = |key: &str, text: String| {
        if let Err(error) = Template::parse(&text) {
            section.mistake(key, error.to_string(), None);
        }
        Body::Template(text)
    };
    let template = template.map(|text| seeded("template", text));
    let template = template.or_else(|| Some(seeded("template_file", from_file("template_file", template_file)?)));
    let streamed = section.optional_table("stream", "a body of random bytes that is made while it is sent");
    let streamed = streamed.map(|streamed| Body::Streamed(read_streamed(&streamed)));
    fixed.or(template).or(streamed).unwrap_or_default()
}

/// Reads `stream` of a request.
fn read_streamed(section: &Section<'_>) -> StreamedBody {
    let at_least_one = |size: &Bytes| if size.0 > 0 { Ok(()) } else { Err("must be at least 1B".to_owned()) };
    let chunk = |size: &Bytes| match size.0 {
        1..=LARGEST_CHUNK => Ok(()),
        _ => Err(format!("must be from 1B to {}", Bytes(LARGEST_CHUNK).notation())),
    };
    let words = Framing::ALL.map(Framing::word);
    let about = "how the end of the body is found: length or chunked";
    let framing: String = section.field("framing", about).one_of(&words).default(Framing::Length.word().to_owned());
    StreamedBody {
        size: section.field("size", "size of the body").check(at_least_one).required(),
        chunk: section.field("chunk", "what is written at once").check(chunk).default(Bytes(64 << 10)),
        per_second: section
            .field("per_second", "how much is sent in a second; default: as much as is taken")
            .check(at_least_one)
            .optional(),
        framing: Framing::ALL.into_iter().find(|known| known.word() == framing).unwrap_or(Framing::Length),
        awaits_continue: section
            .field("continue", "whether the body waits for the interim answer 100, at most a second")
            .default(false),
    }
}

fn read_file(section: &Section<'_>, key: &str, folder: &Path, path: &str) -> Option<String> {
    let read = files::read_text(&folder.join(path));
    let explain = |error: &std::io::Error| format!("cannot read {path}: {error}");
    let hint = "paths are relative to the scenario, and the file must be UTF-8";
    read.inspect_err(|error| section.mistake(key, explain(error), Some(hint.to_owned()))).ok()
}
