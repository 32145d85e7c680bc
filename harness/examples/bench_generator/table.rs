//! Ratios, medians and bounds.

use std::fmt::Write;

use super::{Cost, Lag, agents, h2load};
use crate::epoll::Latency;
use harness_base::units::Nanos;

/// All that was measured.
#[derive(Default)]
pub(crate) struct Table {
    /// By the number of connections.
    pub(crate) costs: Vec<(u64, Rows)>,
    /// By rate, the lag of the load child and of the bare loop in each round.
    pub(crate) lags: Vec<(f64, Vec<(Lag, Lag)>)>,
    /// The costs with more connections, which have no bound.
    pub(crate) more_costs: Vec<(u64, Rows)>,
    /// By rate, the latencies in each round.
    pub(crate) added: Vec<(f64, Vec<Added>)>,
    /// What the time of arrival adds to a read, in nanoseconds.
    pub(crate) stamp: Option<f64>,
    pub(crate) capacities: Vec<Capacity>,
    pub(crate) http2: Vec<h2load::Rows>,
    pub(crate) agents: Vec<agents::Rows>,
}

/// The median latencies of one round, as the load child and a bare epoll loop found them.
pub(crate) struct Added {
    pub(crate) service: Nanos,
    pub(crate) read_lag: Nanos,
    pub(crate) bare: Latency,
}

/// The capacity of a proxy, as the load child and wrk found it in each round.
pub(crate) struct Capacity {
    pub(crate) name: String,
    pub(crate) rates: Vec<(f64, f64)>,
}

/// The costs with one number of connections, one entry per round.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) wrk: Vec<Cost>,
    pub(crate) bare: Vec<Cost>,
    pub(crate) load: Vec<Cost>,
    pub(crate) checked: Vec<Cost>,
    /// The memory of the load child in MiB.
    pub(crate) rss: f64,
    /// System calls per request of wrk and of the load child without and with the check; absent where they cannot be counted.
    pub(crate) calls: Vec<Option<f64>>,
}

/// A bound on a ratio.
struct Bound {
    name: String,
    found: f64,
    limit: f64,
    /// Whether the ratio must be at least the limit.
    least: bool,
}

impl Bound {
    fn most(name: impl Into<String>, found: f64, limit: f64) -> Self {
        Self { name: name.into(), found, limit, least: false }
    }

    fn least(name: impl Into<String>, found: f64, limit: f64) -> Self {
        Self { name: name.into(), found, limit, least: true }
    }

    fn holds(&self) -> bool {
        if self.least { self.found >= self.limit } else { self.found <= self.limit }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median of the rounds' ratios: what disturbs a host disturbs both sides of a round, so it cancels out in each.
pub(crate) fn ratio(over: &[Cost], under: &[Cost], of: fn(Cost) -> f64) -> f64 {
    median(over.iter().zip(under).map(|(over, under)| of(*over) / of(*under)))
}

/// Formats a value; a dash if it was not measured.
fn shown(ratio: f64) -> String {
    if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") }
}

fn lag_ratio(lags: &[(Lag, Lag)], of: fn(Lag) -> f64) -> f64 {
    median(lags.iter().map(|(child, bare)| of(*child) / of(*bare)))
}

pub(crate) fn cpu(cost: Cost) -> f64 {
    cost.cpu_ns
}

pub(crate) fn rate(cost: Cost) -> f64 {
    cost.rate
}

impl Table {
    /// Returns the tables in Markdown, and whether every bound holds.
    pub(crate) fn render(&self) -> (String, bool) {
        let mut text = String::from(
            "| connections | generator | CPU per request, ÷ wrk | rate, ÷ wrk | CPU, µs | user, µs | waits per request | system calls per request |\n|---:|---|---:|---:|---:|---:|---:|---:|\n",
        );
        for (connections, rows) in self.costs.iter().chain(&self.more_costs) {
            rows.render(*connections, &mut text);
        }
        let _ = writeln!(
            text,
            "\n| pacer lag ÷ bare clock_nanosleep | p50 | p99 | bare p50, µs | bare p99, µs |\n|---|---:|---:|---:|---:|"
        );
        for (rate, lags) in &self.lags {
            let (p50, p99) = (lag_ratio(lags, |lag| lag.p50.0 as f64), lag_ratio(lags, |lag| lag.p99.0 as f64));
            let bare = |of: fn(Lag) -> u64| median(lags.iter().map(|(_, bare)| of(*bare) as f64)) / 1e3;
            let (bare_50, bare_99) = (bare(|lag| lag.p50.0), bare(|lag| lag.p99.0));
            let _ = writeln!(text, "| {rate}/s | {p50:.2} | {p99:.2} | {bare_50:.1} | {bare_99:.1} |");
        }
        text.push_str("\n| latency p50, µs | load child | bare epoll loop | kernel | read lag of the load child |\n|---|---:|---:|---:|---:|\n");
        for (rate, rounds) in &self.added {
            let us = |of: fn(&Added) -> Nanos| median(rounds.iter().map(|round| of(round).0 as f64 / 1e3));
            let (ours, bare) = (us(|round| round.service), us(|round| round.bare.read));
            let (kernel, lag) = (us(|round| round.bare.arrived), us(|round| round.read_lag));
            let _ = writeln!(text, "| {rate}/s | {ours:.1} | {bare:.1} | {kernel:.1} | {lag:.1} |");
        }
        if let Some(cost) = self.stamp {
            let _ = writeln!(
                text,
                "\nA read with the time of arrival takes {cost:.0} ns more; one read of 17 asks for it."
            );
        }
        text.push_str(&h2load::render(&self.http2).0);
        text.push_str(&agents::render(&self.agents).0);
        text.push_str("\n| bound | found | limit | holds |\n|---|---:|---:|---|\n");
        let bounds = self.bounds();
        for bound in &bounds {
            let word = if bound.least { "≥" } else { "≤" };
            let holds = if bound.holds() { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {} | {:.2} | {word} {} | {holds} |", bound.name, bound.found, bound.limit);
        }
        (text, bounds.iter().all(Bound::holds))
    }

    fn bounds(&self) -> Vec<Bound> {
        let mut bounds = Vec::new();
        for (connections, rows) in &self.costs {
            let name = |what: &str| format!("{what}, {connections} connections");
            bounds.push(Bound::most(name("CPU per request ÷ wrk"), ratio(&rows.load, &rows.wrk, cpu), 0.95));
            bounds.push(Bound::most(name("with body check ÷ wrk"), ratio(&rows.checked, &rows.wrk, cpu), 1.0));
            bounds.push(Bound::least(name("rate ÷ wrk"), ratio(&rows.load, &rows.wrk, rate), 1.0));
        }
        for (rate, lags) in &self.lags {
            let p50 = lag_ratio(lags, |lag| lag.p50.0 as f64);
            bounds.push(Bound::most(format!("pacer lag p50 ÷ bare clock_nanosleep, {rate}/s"), p50, 1.2));
            let p99 = lag_ratio(lags, |lag| lag.p99.0 as f64);
            bounds.push(Bound::most(format!("pacer lag p99 ÷ bare clock_nanosleep, {rate}/s"), p99, 1.2));
        }
        for (rate, rounds) in &self.added {
            let added = |of: fn(&Added) -> f64| median(rounds.iter().map(of)) / 1e3;
            let read = added(|round| round.service.0 as f64 - round.bare.read.0 as f64);
            bounds.push(Bound::most(format!("latency p50 − bare epoll loop, {rate}/s, µs"), read, 3.0));
            let arrived = added(|round| (round.service.0 - round.read_lag.0) as f64 - round.bare.arrived.0 as f64);
            bounds.push(Bound::most(format!("latency p50 without read lag − kernel, {rate}/s, µs"), arrived, 3.0));
        }
        for Capacity { name, rates } in &self.capacities {
            let found = median(rates.iter().map(|(load, wrk)| load / wrk));
            bounds.push(Bound::least(format!("capacity of {name} ÷ that found by wrk"), found, 0.97));
        }
        bounds.extend(h2load::render(&self.http2).1.into_iter().map(|(name, found)| Bound::most(name, found, 2.5)));
        bounds.extend(agents::render(&self.agents).1.into_iter().map(|(name, found)| Bound::most(name, found, 1.3)));
        let Some((_, Rows { rss: first, .. })) = self.costs.first() else { return bounds };
        bounds.push(Bound::most("RSS at 10 connections, MiB", *first, 40.0));
        if let Some((connections, rows)) = self.more_costs.last() {
            let each = (rows.rss - *first) * 1024.0 / *connections as f64;
            bounds.push(Bound::most(format!("KiB per connection, {connections} connections"), each, 16.0));
        }
        bounds
    }
}

impl Rows {
    fn render(&self, connections: u64, text: &mut String) {
        let calls = |place: usize| self.calls.get(place).copied().flatten();
        let rows = [
            ("wrk (C)", &self.wrk, calls(0)),
            ("bare hyper loop", &self.bare, None),
            ("load child, all stamps", &self.load, calls(1)),
            ("load child, all stamps and JSON check", &self.checked, calls(2)),
        ];
        for (name, costs, calls) in rows.into_iter().filter(|(_, costs, _)| !costs.is_empty()) {
            let of = |of: fn(&Cost) -> f64| median(costs.iter().map(of));
            let _ = writeln!(
                text,
                "| {connections} | {name} | {} | {} | {:.1} | {:.1} | {:.2} | {} |",
                shown(ratio(costs, &self.wrk, cpu)),
                shown(ratio(costs, &self.wrk, rate)),
                of(|cost| cost.cpu_ns) / 1e3,
                of(|cost| cost.user_ns) / 1e3,
                of(|cost| cost.waits),
                shown(calls.unwrap_or(f64::NAN)),
            );
        }
    }
}
