//! Generates `docs/metrics.md` from the metric table.

use crate::measure::metric::{Better, Fact, Kind, METRICS, Metric, facts};

/// Renders the document. A test compares the file with it.
pub fn render() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| id | unit | better | kind | stage | Bencher measure | REQ-OBS-001 | meaning |\n");
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    text.extend(METRICS.iter().map(row));
    text.push_str(FACTS_HEAD);
    text.extend(facts().map(fact));
    text
}

const FACTS_HEAD: &str = "
## Facts

Facts are texts and flags. The record and `bench_metrics.flat.json` contain them; the Bencher file does not, because it accepts numbers only.

| id | unit | stage | REQ-OBS-001 | meaning |
|---|---|---|---|---|
";

fn fact(fact: &Fact) -> String {
    let Fact { id, kind, stage, req, target, about, .. } = fact;
    format!("| `{id}` | {} | {} | {req} {target} | {about} |\n", kind.label(), stage.name())
}

const HEAD: &str = "\
# Metrics

Generated from the `metrics.rs` files in `harness/src/stages/`; `UPDATE=1 cargo test -p harness --test fast reports`
regenerates it.

- If a stage is not named after its kind, `@stage` is appended to the id: `latency/p50@overhead-64k`.
- `{vus}` is the number of virtual users.
- *sampled* metrics have one value per round or launch and are published as the median with its exact interval
  ([statistics](statistics.md)). *exact* metrics have a single value.
- *trend* metrics are the change of a series over a soak, with an interval from resampling. They are advisory between runs, because
  the scenario's budget decides about them ([soak](soak.md)). Other metrics of a soak have one value per window.
- Imported metrics (stage `import`, `[import.criterion]`) have one value per sample of the other tool. Their interval describes the
  scatter within one process, not between runs. See [formats](formats.md).
- Metrics that targets report of themselves (stage `scrape`, `[scrape.NAME]`) have one value per instance of the described stage
  ([scrape](scrape.md)). An id that several stages have answers one requirement, observed from different places: in the process, as the
  target reports it, or as clients see it. Such values are not to be compared with each other.
- The column *Bencher measure* includes the factor between the metric's unit and the measure's (ms → ns: 1,000,000). All metrics
  of one measure share unit, direction and noise, because Bencher's thresholds belong to measures. Far quantiles therefore have a
  measure of their own, `latency-tail`, and keep their plain id when they are advisory.
- The claims of REQ-OBS-001 are listed for reference. A run is judged by the claims that its scenario states in `[targets]`.
- A metric without a value is absent with the reason, never 0.

";

fn row(metric: &Metric) -> String {
    let better = match metric.better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    };
    let kind = match metric.kind {
        _ if metric.trend => "trend",
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
