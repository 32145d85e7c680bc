//! Reads `wire` and `[generator.http2]`: what the generator speaks with the endpoints.

use crate::spec::Section;
use harness_base::units::Bytes;
use harness_load::spec::{Http2, WireSpec};
use harness_rig::target::spec::Upstream;

/// How many users can share a connection.
const MOST_STREAMS: u64 = 1000;

/// The smallest and the largest window of a stream.
const WINDOWS: std::ops::RangeInclusive<u64> = 1 << 10..=16 << 20;

/// Reads `wire` in a section that sends requests to `proxy`; `None` if it is not written.
pub(crate) fn read(section: &Section<'_>, proxy: &str) -> Option<WireSpec> {
    let words = WireSpec::ALL.map(WireSpec::word);
    let about = "what is spoken: h1 (HTTP/1.1), tls (HTTP/1.1 over TLS), h2c (HTTP/2 with prior knowledge) or h2 (HTTP/2 over TLS); default: \
                 HTTP/1.1, over TLS with https endpoints";
    let word: Option<String> = section.field("wire", about).one_of(&words).optional();
    let wire = WireSpec::ALL.into_iter().find(|wire| word.as_deref() == Some(wire.word()))?;
    if !section.describing() && is_tls(proxy).is_some_and(|tls| tls != wire.is_tls()) {
        let (scheme, other) = (if wire.is_tls() { "https" } else { "http" }, wire.with_tls(!wire.is_tls()));
        let how = if wire.is_tls() { "is spoken over TLS" } else { "is spoken without TLS" };
        let message = format!("{:?} {how}, but target.endpoints.proxy is {proxy}", wire.word());
        section.mistake("wire", message, Some(format!("write {scheme}:// there, or wire = {:?}", other.word())));
    }
    Some(wire)
}

/// Checks that the direct arm, which is measured beside the proxied one, speaks `wire` too.
pub(crate) fn check_direct(section: &Section<'_>, wire: Option<WireSpec>, upstream: Option<&Upstream>) {
    let (Some(wire), Some(upstream)) = (wire, upstream) else { return };
    let tls = match upstream {
        Upstream::Builtin(builtin) => Some(builtin.tls),
        Upstream::Process { url, .. } | Upstream::Url(url) => is_tls(url),
        Upstream::Stdio(_) => None,
    };
    let Some(tls) = tls.filter(|tls| *tls != wire.is_tls()) else { return };
    let how = if tls { "speaks TLS" } else { "does not speak TLS" };
    let message = format!("the direct arm cannot speak wire {:?}, because the upstream {how}", wire.word());
    let hint = match upstream {
        Upstream::Builtin(_) => format!("write tls = {} in [upstream.builtin]", !tls),
        _ => format!("write the URL of an upstream with {}://", if tls { "http" } else { "https" }),
    };
    section.mistake("", message, Some(hint));
}

/// Reads `[generator.http2]`.
pub(crate) fn read_http2(section: &Section<'_>) -> Http2 {
    let base = Http2::default();
    let streams = section
        .field("streams", "virtual users that share a connection, each with one stream")
        .check(|streams: &u64| {
            let fits = (1..=MOST_STREAMS).contains(streams);
            if fits { Ok(()) } else { Err(format!("must be from 1 to {MOST_STREAMS}, is {streams}")) }
        })
        .default(base.streams);
    let window = section
        .field("window", "bytes of an answer that may be under way on a stream; on a connection, times streams")
        .check(
            |window: &Bytes| {
                if WINDOWS.contains(&window.0) { Ok(()) } else { Err("must be from 1KiB to 16MiB".to_owned()) }
            },
        )
        .default(Bytes(base.window));
    Http2 { streams, window: window.0 }
}

/// Returns whether TLS is spoken with a URL; `None` if its scheme comes from the environment.
fn is_tls(url: &str) -> Option<bool> {
    let scheme = url.split_once("://")?.0;
    (!scheme.contains("${")).then_some(scheme == "https")
}
