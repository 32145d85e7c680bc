//! Formats the findings about faults as sentences.

use super::{Judged, Row, Seen};
use crate::measure::exit::ExitFacts;
use crate::stages::faults::facts::{FaultKind, StreamsMet};
use harness_base::units::{Nanos, grouped};

impl Judged {
    /// Describes the expectation: `everything answered again within 2s of a fault's end, none without an answer for
    /// 1s`.
    pub fn demands(&self) -> String {
        format!(
            "everything answered again within {} of a fault's end, none without an answer for {}",
            Nanos(self.recover_ns).notation(),
            Nanos(self.timeout_ns).notation()
        )
    }
}

impl Row {
    /// Formats the recovery for a table cell.
    pub fn recovery(&self) -> String {
        match &self.seen {
            Some(Seen { recovery_ns: Some(recovery), .. }) => Nanos(*recovery).to_string(),
            Some(_) if !self.kind.ends_for_good() => "never".to_owned(),
            _ => "–".to_owned(),
        }
    }

    /// Describes the outcomes of the requests, their times, and how the target ended; `None` if all is well.
    pub fn course(&self) -> Option<String> {
        let seen = self.seen.as_ref()?;
        let errors = seen.errors_ns.map(|(first, last)| {
            format!("{}; from {} to {} after the fault began", seen.outcomes.describe(), signed(first), signed(last))
        });
        let exit = seen.exit.as_ref().map(|exit| format!("the target {} {} after SIGTERM", exit.ending, took(exit)));
        let streams = seen.streams.as_ref().map(met);
        let parts: Vec<String> = streams.into_iter().chain(errors).chain(exit).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Seen {
    /// Counts requests that were not answered as expected, including refused connections.
    pub const fn errors(&self) -> u64 {
        self.scheduled - self.outcomes.ok
    }
}

fn signed(ns: i64) -> String {
    let span = Nanos(ns.unsigned_abs());
    if ns < 0 { format!("-{span}") } else { span.to_string() }
}

fn took(exit: &ExitFacts) -> Nanos {
    Nanos(exit.took_ns)
}

fn count(n: u64) -> String {
    let noun = if n == 1 { "request" } else { "requests" };
    format!("{} {noun}", grouped(n as f64))
}

pub(super) fn not_met(kind: FaultKind) -> String {
    let message = match kind {
        FaultKind::SlowReaders => "the target answered none of the slow readers",
        _ => "no request reached the upstream while it failed",
    };
    message.to_owned()
}

pub(super) fn lost(seen: &Seen) -> String {
    format!(
        "{} of {} lost, none expected ({})",
        count(seen.lost),
        grouped(seen.scheduled as f64),
        seen.outcomes.describe()
    )
}

pub(super) fn hung(seen: &Seen, timeout_ns: u64) -> String {
    format!("{} without a complete answer for {}", count(seen.outcomes.timeout), Nanos(timeout_ns).notation())
}

pub(super) fn masked(seen: &Seen) -> String {
    format!("{} came back as a success with a wrong body", count(seen.outcomes.wrong_body))
}

pub(super) fn never_recovered(after_ns: u64) -> String {
    format!("it still failed {} after the fault's end", Nanos(after_ns).notation())
}

pub(super) fn late(recovery_ns: u64, allowed_ns: u64) -> String {
    format!(
        "everything was answered again only {} after the fault's end, {} allowed",
        Nanos(recovery_ns),
        Nanos(allowed_ns).notation()
    )
}

pub(super) fn killed(exit: &ExitFacts) -> String {
    format!("it ignored SIGTERM for {} and was killed", took(exit))
}

pub(super) fn wrong_exit(exit: &ExitFacts) -> String {
    format!("it {}, and should have exited with code 0", exit.ending)
}

/// Describes what became of open streams, as both ends saw it.
fn met(streams: &StreamsMet) -> String {
    let last =
        streams.last_end_ns.map_or_else(String::new, |last| format!(", the last of them {} after it", Nanos(last)));
    format!(
        "{} streams were open at SIGTERM and ended{last}: {}; the upstream saw {} finished and {} cancelled",
        streams.open,
        kinds(streams),
        streams.upstream_finished,
        streams.upstream_cancelled
    )
}

/// Counts the kinds of ends: `12 drained, 8 cut`.
fn kinds(streams: &StreamsMet) -> String {
    let kinds =
        [(streams.drained, "drained"), (streams.finished, "ended early"), (streams.cut, "cut"), (streams.hung, "hung")];
    let counted = kinds.into_iter().filter(|(count, _)| *count > 0);
    counted.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// Explains why nothing is known of open streams; `None` if something is.
pub(super) fn unknown_streams(streams: &StreamsMet) -> Option<String> {
    if streams.open == 0 {
        return Some("no stream was open when the target was stopped".to_owned());
    }
    (streams.contradicted > 0).then(|| {
        let StreamsMet { contradicted, open, .. } = streams;
        format!("of {contradicted} of {open} streams all events arrived, and the upstream saw them cancelled: this is a bug of harness, report it")
    })
}

pub(super) fn lost_streams(streams: &StreamsMet) -> String {
    format!("{} of {} open streams lost, none expected ({})", streams.lost(), streams.open, kinds(streams))
}

pub(super) fn hung_streams(streams: &StreamsMet) -> String {
    format!("{} of {} open streams neither went on nor ended", streams.hung, streams.open)
}

pub(super) fn short_streams(streams: &StreamsMet) -> String {
    format!("{} of {} open streams were ended as if they were complete", streams.finished, streams.open)
}
