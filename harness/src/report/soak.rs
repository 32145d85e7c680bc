//! A soak as people read it: what changed, within which budget, and what would have been seen.

use super::text::wrap;
use crate::verdict::soak::{Soak, Trend};

const WIDTH: usize = 80;

/// The soak at the terminal.
pub(super) fn table(soak: &Soak) -> String {
    let mut text = wrap(&format!("{}: {}", soak.stage, soak.course()), WIDTH, "  ", "    ");
    if !soak.trends.is_empty() {
        text.push_str(&format!("  {:12}{:>12} {:<16}{:>13}{:>13}\n", "", "change", "interval", "budget", "least seen"));
    }
    for trend in &soak.trends {
        let [called, change, ends, budget, least, state] = cells(trend);
        text.push_str(&format!("  {called:<12}{change:>12} {ends:<16}{budget:>13}{least:>13} {state}\n"));
    }
    text.extend(soak.unknown.iter().map(|why| wrap(&format!("not judged: {why}"), WIDTH, "  ", "    ")));
    text
}

pub(super) fn markdown(soak: &Soak) -> String {
    let mut text = format!("**{}**: {}\n", soak.stage, soak.course());
    if !soak.trends.is_empty() {
        text.push_str("\n| | change | interval | budget | least seen | |\n|---|---:|---|---:|---:|---|\n");
    }
    for trend in &soak.trends {
        text.push_str(&format!("| {} |\n", cells(trend).join(" | ")));
    }
    text.extend(soak.unknown.iter().map(|why| format!("\nnot judged: {}\n", why.replace('\n', " "))));
    text
}

/// Name, change, interval, budget, the smallest change that would have raised the alarm, and what it amounts to.
fn cells(trend: &Trend) -> [String; 6] {
    [
        trend.quantity.name().to_owned(),
        trend.shown(trend.change.point),
        trend.ends().unwrap_or_default(),
        trend.shown(trend.budget),
        trend.shown(trend.smallest_seen),
        trend.state.words().to_owned(),
    ]
}
