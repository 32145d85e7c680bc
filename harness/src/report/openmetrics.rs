//! Renders `metrics.prom`: OpenMetrics text for the textfile collector, a push gateway or GitLab, in base units
//! (seconds, bytes, ratios). Only `harness_run_info` has the commit as a label, so that a new commit does not create a
//! new series.

mod family;

use std::fmt::Write;

use super::{Error, ReportFormat, Summary};
use crate::measure::StageStatus;
use crate::measure::metric::find;
use family::{Family, named};
use harness_base::units::Nanos;

pub(super) struct OpenMetrics;

impl ReportFormat for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn file_name(&self) -> &'static str {
        "metrics.prom"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let mut text = run(summary);
        for family in families(summary) {
            text.push_str(&family.written());
        }
        text.push_str("# EOF\n");
        Ok(text.into_bytes())
    }
}

/// Renders facts about the whole run.
fn run(summary: &Summary<'_>) -> String {
    let record = summary.record;
    let scenario = label("scenario", &record.scenario.name);
    let git = record.git.as_ref();
    let branch = git.and_then(|git| git.branch.as_deref()).unwrap_or_default();
    let info = [
        scenario.clone(),
        label("run_id", &record.run_id),
        label("started_at", &record.started_at),
        label("commit", git.map(|git| git.sha.as_str()).unwrap_or_default()),
        label("branch", branch),
        label("verdict", summary.judgement.exit.word()),
        label("version", &record.tool.version),
    ];
    let mut text = format!(
        "# TYPE harness_run info\n# HELP harness_run What was run.\nharness_run_info{{{}}} 1\n\
         # TYPE harness_exit_code gauge\n# HELP harness_exit_code Exit code of the run; 0 is a pass.\n\
         harness_exit_code{{{scenario}}} {}\n\
         # TYPE harness_run_seconds gauge\n# UNIT harness_run_seconds seconds\n# HELP harness_run_seconds Length of the run.\n\
         harness_run_seconds{{{scenario}}} {}\n\
         # TYPE harness_stage_valid gauge\n# HELP harness_stage_valid 1 where the numbers of the stage mean what they say.\n",
        info.join(","),
        summary.judgement.exit.code(),
        Nanos(record.took_ns).as_secs_f64()
    );
    for stage in &summary.judgement.stages {
        let valid = u8::from(stage.status == StageStatus::Valid);
        // Writing to a String does not fail.
        let _ = writeln!(text, "harness_stage_valid{{{scenario},{}}} {valid}", label("stage", &stage.name));
    }
    text
}

/// Groups metrics by family, because OpenMetrics does not allow a family to be interrupted by another.
fn families(summary: &Summary<'_>) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for (metric, estimate) in summary.valid() {
        let help = find(&metric.id).map_or("", |row| row.help);
        let (mut family, further) = named(metric, help);
        let mut labels = vec![label("scenario", &summary.record.scenario.name), label("stage", &metric.stage)];
        labels.extend(further.iter().map(|(name, value)| label(name, value)));
        let sample = (labels.join(","), estimate.point * family.scale);
        match families.iter_mut().find(|known| known.name == family.name) {
            Some(known) => known.samples.push(sample),
            None => {
                family.samples.push(sample);
                families.push(family);
            }
        }
    }
    families
}

/// Formats `name="value"`, escaped.
fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
