//! Ratios, medians and bounds.

use std::fmt::Write;

use super::{Cost, Lag};

/// All that was measured, one entry per round.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) wrk: Vec<Cost>,
    pub(crate) bare: Vec<Cost>,
    pub(crate) load: Vec<Cost>,
    pub(crate) checked: Vec<Cost>,
    pub(crate) sleep_lag: Vec<Lag>,
    pub(crate) load_lag: Vec<Lag>,
    pub(crate) rss_at_10: f64,
    pub(crate) rss_at_5000: f64,
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median of the rounds' ratios: what disturbs a host disturbs both sides of a round, so it cancels out in each.
fn ratio<T: Copy>(over: &[T], under: &[T], of: fn(T) -> f64) -> f64 {
    median(over.iter().zip(under).map(|(over, under)| of(*over) / of(*under)))
}

fn cpu(cost: Cost) -> f64 {
    cost.cpu_ns
}

impl Table {
    /// The table in Markdown, and whether every bound holds.
    pub(crate) fn render(&self) -> (String, bool) {
        let mut text = String::from(
            "| generator | CPU per request, ÷ bare hyper | ÷ wrk | rate ÷ bare hyper |\n|---|---|---|---|\n",
        );
        let rows = [
            ("wrk (C)", &self.wrk),
            ("bare hyper loop", &self.bare),
            ("load child, all stamps", &self.load),
            ("load child, all stamps and body check", &self.checked),
        ];
        for (name, costs) in rows {
            let (by_bare, by_wrk) = (ratio(costs, &self.bare, cpu), ratio(costs, &self.wrk, cpu));
            let by_rate = ratio(costs, &self.bare, |cost| cost.rate);
            let _ = writeln!(text, "| {name} | {by_bare:.2} | {by_wrk:.2} | {by_rate:.2} |");
        }
        let lag_50 = ratio(&self.load_lag, &self.sleep_lag, |lag| lag.p50.0 as f64);
        let lag_99 = ratio(&self.load_lag, &self.sleep_lag, |lag| lag.p99.0 as f64);
        let _ = writeln!(text, "\n| pacer lag at 1000/s ÷ bare clock_nanosleep | p50 | p99 |\n|---|---|---|");
        let _ = writeln!(text, "| load child | {lag_50:.2} | {lag_99:.2} |\n");
        let bounds = [
            ("CPU per request ÷ bare hyper", ratio(&self.load, &self.bare, cpu), 1.2),
            ("CPU per request ÷ wrk", ratio(&self.load, &self.wrk, cpu), 1.5),
            ("body check: CPU ÷ without", ratio(&self.checked, &self.load, cpu), 1.25),
            ("pacer lag p50 ÷ bare clock_nanosleep", lag_50, 1.5),
            ("RSS at 10 connections, MiB", self.rss_at_10, 40.0),
            ("RSS at 5,000 connections, MiB", self.rss_at_5000, 200.0),
        ];
        text.push_str("| bound | found | at most | holds |\n|---|---|---|---|\n");
        for (name, found, limit) in bounds {
            let holds = if found <= limit { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {name} | {found:.2} | {limit} | {holds} |");
        }
        let _ = writeln!(
            text,
            "\nHere and now: bare hyper {:.2} µs and {:.0}/s, bare sleep p50 {:.1} µs and p99 {:.1} µs.",
            median(self.bare.iter().map(|cost| cost.cpu_ns)) / 1e3,
            median(self.bare.iter().map(|cost| cost.rate)),
            median(self.sleep_lag.iter().map(|lag| lag.p50.0 as f64)) / 1e3,
            median(self.sleep_lag.iter().map(|lag| lag.p99.0 as f64)) / 1e3
        );
        (text, bounds.iter().all(|(_, found, limit)| found <= limit))
    }
}
