//! Shows rounds like every stage with rounds, what was sent over which path, and what became of the connections that were opened for themselves.

use super::facts::{Handshakes, Instance, Path, Stage};
use crate::measure::Pace;
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::StageRecord;
use crate::report::show::{Show, lost, rejected, within};
use harness_base::units::{BitRate, Bytes, Nanos, Ratio, grouped};

pub(crate) const SHOW: Show = Show { done, notes, ..Show::ROUNDS };

fn done(stage: &StageRecord) -> String {
    let StageFacts::Echo(facts) = &stage.facts else { return (Show::ROUNDS.done)(stage) };
    let Stage { size_bytes, streams, tcp, path } = *facts;
    let pace = match stage.offered {
        Some(Pace::Open { rate, .. }) => format!("open loop, {rate} on {streams} streams"),
        _ => format!("closed loop, {streams} streams"),
    };
    let arms = match tcp {
        Some(tcp) => format!("{} (direct arm) and QUIC (proxied arm)", tcp.describe()),
        None => "QUIC (proxied arm) alone".to_owned(),
    };
    let path = path.map_or_else(String::new, |path| format!(", path {}{}", described(&path), lost(stage)));
    let (rounds, rejected) = (stage.valid_rounds().count(), rejected(stage));
    let size = Bytes(size_bytes);
    format!("{rounds} of {} rounds{rejected}; {pace}; {arms}, messages of {size}{path}{}", stage.wanted, within(stage))
}

fn described(path: &Path) -> String {
    let share = |share: f64, word: &str| (share > 0.0).then(|| format!("{} of the packets {word}", Ratio(share)));
    let parts = [
        Some(format!("{} each way", Nanos(path.delay_ns))),
        (path.jitter_ns > 0).then(|| format!("jitter {}", Nanos(path.jitter_ns))),
        path.bits_per_second.map(|rate| BitRate(rate).to_string()),
        share(path.loss, "lost"),
        share(path.duplicate, "repeated"),
        share(path.reorder, "reordered"),
        path.netem.then(|| "by netem".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// States how many connections were opened for themselves, and which of them failed or were not accepted early.
fn notes(stage: &StageRecord) -> Vec<String> {
    let of = |transport: fn(&Instance) -> Option<&Handshakes>| {
        stage.instances.iter().filter_map(move |instance| match &instance.facts {
            InstanceFacts::Echo(facts) => transport(facts),
            _ => None,
        })
    };
    let sum = |count: fn(&Handshakes) -> usize| of(quic).map(count).sum::<usize>();
    let refused = sum(|one| usize::try_from(one.early_refused).unwrap_or(usize::MAX));
    let (early, full) = (sum(|one| one.early_ns.len()), sum(|one| one.ready_ns.len()));
    let mut notes = Vec::new();
    if early + refused > 0 {
        let all = grouped((early + refused) as f64);
        notes.push(format!(
            "0-RTT: accepted on {} of {all} resumed sessions, beside {full} full handshakes",
            grouped(early as f64)
        ));
    }
    for (name, transport) in [("TCP", tcp as fn(&Instance) -> Option<&Handshakes>), ("QUIC", quic)] {
        let failed: Vec<&Handshakes> = of(transport).filter(|one| !one.outcomes.are_ok()).collect();
        if let Some(first) = failed.first() {
            let example = first.example.as_deref().unwrap_or_default();
            notes.push(format!(
                "connections of {name} that were opened for themselves: {}: {example}",
                first.outcomes.describe()
            ));
        }
    }
    notes
}

fn tcp(facts: &Instance) -> Option<&Handshakes> {
    facts.tcp.as_ref()
}

fn quic(facts: &Instance) -> Option<&Handshakes> {
    facts.quic.as_ref()
}
