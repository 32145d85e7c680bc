//! Defines the metrics that targets report of themselves.

use super::derive::{asked, counted, ghosts, reset};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{LATENCY, LATENCY_TAIL, REPORTED};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::source::Source::Reported;
use crate::measure::metric::unit::Unit::{Count, Micros};
use crate::measure::record::StageRecord;
use harness_base::units::three_digits;

const EVALUATION: &str = "Evaluation time of one policy, as the target reports it.";

pub(crate) const METRICS: &[Metric] = &[
    row("policy/eval_mean", Micros, StageKind::Scrape, &LATENCY, "Evaluation time of one policy, as the target reports it: increase of the sum of a histogram ÷ increase of its count, over the valid rounds of an instance.", |stage| values(stage, "policy/eval_mean")).help(EVALUATION).key(),
    row("policy/eval_p50", Micros, StageKind::Scrape, &LATENCY, "The same, quantile 0.5, interpolated within its bucket. Advisory, because only the ends of the bucket are known.", |stage| values(stage, "policy/eval_p50")).help(EVALUATION).source(Reported)
        .req("M-POL-001", 100.0),
    row("policy/eval_p99", Micros, StageKind::Scrape, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| values(stage, "policy/eval_p99")).help(EVALUATION).source(Reported)
        .req("M-POL-002", 500.0),
    row("scrape/time", Micros, StageKind::Scrape, &LATENCY, "A time that the target reports: mean or quantile of a histogram over the valid rounds of an instance, or a gauge at their end. The name after the @ is that of the scenario.", |stage| values(stage, "scrape/time")).key(),
    row("scrape/per_request", Count, StageKind::Scrape, &REPORTED, "Increase of a counter of the target ÷ requests that were sent to it, over the valid rounds of an instance.", |stage| values(stage, "scrape/per_request")).key(),
    row("scrape/value", Count, StageKind::Scrape, &REPORTED, "A number that the target reports: a gauge at the end of the rounds of an instance, or mean or quantile of a histogram over them.", |stage| values(stage, "scrape/value")).key(),
];

pub(crate) const FACTS: &[Fact] = &[];

/// Takes one value per instance whose window counts; absent if one of them has none.
fn values(stage: &StageRecord, id: &str) -> Values {
    let Some((place, asked)) = asked(stage, id) else {
        return Err(Absent("no [scrape.NAME] metrics names it".to_owned()));
    };
    let values = counted(stage, place).map(|(window, found)| {
        if let Some(part) = ghosts(window, place) {
            let percent = three_digits(part * 100.0);
            let why = format!(
                "{percent} % of what {} counted does not come from requests: it grows without them",
                asked.name
            );
            return Err(Absent(why));
        }
        asked.value(found, window.sent).map_err(Absent)
    });
    let values = values.collect::<Result<Vec<f64>, Absent>>()?;
    if values.is_empty() { Err(Absent(no_window(stage))) } else { Ok(values) }
}

fn no_window(stage: &StageRecord) -> String {
    match reset(stage) {
        None => "no window of the described stage was read".to_owned(),
        Some((asked, before, after, _)) => {
            format!("no window counts, because {} went back, for example from {before} to {after}", asked.name)
        }
    }
}
