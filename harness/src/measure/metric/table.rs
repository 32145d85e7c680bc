//! Lists all metrics and facts by kind of stage.

use super::bencher::Measure;
use super::fact::Fact;
use super::fleet::FLEET;
use super::row::{Metric, bare};

macro_rules! tables {
    ($($Kind:ident $kind:ident,)+) => {
        const METRIC_TABLES: &[&[Metric]] = &[$(crate::stages::$kind::metrics::METRICS,)+];

        const FACT_TABLES: &[&[Fact]] = &[$(crate::stages::$kind::metrics::FACTS,)+];
    };
}
each_measured_kind!(tables);

/// Every metric, in the order of `docs/metrics.md`.
pub const METRICS: &[Metric] = &joined(METRIC_TABLES);

/// Returns every measure that a metric has, once, in the order of the metrics.
pub fn measures() -> Vec<&'static Measure> {
    let mut all: Vec<&'static Measure> = Vec::new();
    for metric in METRICS {
        if all.iter().all(|known| known.slug != metric.bencher.slug) {
            all.push(metric.bencher);
        }
    }
    all
}

/// Returns every fact.
pub fn facts() -> impl Iterator<Item = &'static Fact> {
    FACT_TABLES.iter().flat_map(|table| table.iter())
}

const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < METRIC_TABLES.len() {
        count += METRIC_TABLES[table].len();
        table += 1;
    }
    count
};

const fn joined(tables: &[&[Metric]]) -> [Metric; COUNT] {
    let mut all = [tables[0][0]; COUNT];
    let (mut count, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[count] = tables[table][row];
            count += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

/// Returns the first row that matches `id`, ignoring placeholders and `@stage`. Rows with the same id differ in the kind of stage only.
pub fn find(id: &str) -> Option<&'static Metric> {
    rows(id).next()
}

/// Iterates over the rows that match `id`, one for each kind of stage that measures it; those of a fleet belong to no kind.
pub fn rows(id: &str) -> impl Iterator<Item = &'static Metric> {
    let bare = bare(id);
    METRICS.iter().chain(FLEET).filter(move |metric| match metric.id.split_once("{vus}") {
        None => metric.id == bare,
        Some((before, after)) => bare
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|vus| !vus.is_empty() && vus.bytes().all(|byte| byte.is_ascii_digit())),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let kinds: BTreeSet<(&str, &str)> = METRICS.iter().map(|metric| (metric.id, metric.stage.name())).collect();
        assert_eq!(kinds.len(), METRICS.len(), "a kind has two rows with one id");
        for (one, first) in METRICS.iter().filter_map(|one| Some((one, find(one.id)?))) {
            let same = |metric: &Metric| (metric.unit, metric.better, metric.kind, metric.bencher.slug, metric.req);
            assert_eq!(same(one), same(first), "{} means two things", one.id);
            let others = rows(one.id).filter(|other| other.stage != one.stage);
            let told = others.map(|other| other.source).all(|other| other.is_some() && other != one.source);
            assert!(told, "the values of {} in several kinds of stages cannot be told apart", one.id);
        }
        let ids: BTreeSet<&str> = METRICS.iter().map(|metric| metric.id).collect();
        for id in ids {
            let parts: Vec<&str> = id.split('/').collect();
            assert!(parts.len() == 2 && parts.iter().all(|part| !part.is_empty()), "{id}");
        }
    }

    #[test]
    fn an_id_finds_its_row() {
        assert_eq!(find("throughput/rps_10vu").map(|metric| metric.id), Some("throughput/rps_{vus}vu"));
        assert_eq!(find("latency/p50@overhead-64k").map(|metric| metric.id), Some("latency/p50"));
        assert!(find("throughput/rps_vu").is_none() && find("latency/p51").is_none());
    }
}
