//! `docs/metrics.md`, generated from the metric table.

use crate::measure::metric::{Better, FACTS, Fact, Kind, METRICS, Metric};

/// The document. A test holds the file to it.
pub fn render() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| id | unit | better | kind | stage | Bencher measure | REQ-OBS-001 | meaning |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    text.extend(METRICS.iter().map(row));
    text.push_str(FACTS_HEAD);
    text.extend(FACTS.iter().map(fact));
    text
}

const FACTS_HEAD: &str = "
## Facts

Texts and flags. They stand in the record and in `bench_metrics.flat.json`, never in the Bencher file, which takes numbers only.

| id | unit | stage | REQ-OBS-001 | meaning |
|---|---|---|---|---|
";

fn fact(fact: &Fact) -> String {
    let Fact { id, kind, stage, req, target, about, .. } = fact;
    format!("| `{id}` | {} | {} | {req} {target} | {about} |\n", kind.label(), stage.name())
}

const HEAD: &str = "\
# Metrics

Generated from the metric table in `harness/src/measure/metric/rows.rs`; `UPDATE=1 cargo test -p harness --test fast reports` writes
it again.

- A metric of a stage that is not named after its kind has `@stage` behind its id: `latency/p50@overhead-64k`.
- `{vus}` stands for the number of virtual users.
- *sampled* metrics have one value per round or launch and are published as the median with its exact interval
  ([statistics](statistics.md)); *exact* ones have a single value.
- *trend* metrics are the change of a series over a soak with the interval of its resampling; they are advisory between runs, since
  they are held against the budget of their scenario ([soak](soak.md)). Other metrics of a soak have one value per window.
- What is imported (stage `import`, `[import.criterion]`) has one value per sample of the other tool: its interval says how the
  samples of one process scatter, not how runs do. See [formats](formats.md).
- The Bencher measure is followed by the factor between the metric's unit and the measure's (ms → ns: 1,000,000). All metrics
  of one measure share unit, direction and noise, since Bencher's thresholds belong to measures. Far quantiles have the
  measure `latency-tail` for that reason, and keep their plain id when they are advisory.
- The claims of REQ-OBS-001 are listed for reference; a run is held against those that its scenario states in `[targets]`.
- A metric without a value is absent with the reason, never 0.

";

fn row(metric: &Metric) -> String {
    let better = match metric.better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    let kind = match metric.kind {
        _ if metric.trend.is_some() => "trend",
        Kind::Sampled => "sampled",
        Kind::Exact => "exact",
    };
    format!(
        "| `{}` | {} | {better} | {kind} | {} | `{}` × {} | {} | {} |\n",
        metric.id,
        metric.unit.label(),
        metric.stage.name(),
        metric.bencher.slug,
        harness_base::units::grouped(metric.bencher.scale(metric.unit)),
        requirement(metric),
        metric.about
    )
}

fn requirement(metric: &Metric) -> String {
    let sign = match metric.better {
        Better::Lower => "<",
        Better::Higher => ">",
    };
    let claim = metric.target.map(|limit| format!(" {sign} {}", metric.unit.show_bound(limit.value)));
    metric.req.map_or_else(|| "–".to_owned(), |id| format!("{id}{}", claim.unwrap_or_default()))
}
