//! Checks `[targets]` against the stages that measure them.

use super::stage::table;
use crate::measure::metric;
use crate::spec::Section;
use crate::verdict::claim::Claim;
use crate::work::Stage;
use harness_base::units::Nanos;
use harness_base::words::nearest;
use harness_load::pace::Pace;
use harness_rig::target::spec::Upstream;

pub(super) fn read_all(root: &Section<'_>, stages: &[Stage], warnings: &mut Vec<String>) -> Vec<Claim> {
    let sections = root.named("targets", "claims: metric ids and their limits");
    let mut claims = Vec::new();
    for (id, section) in &sections {
        let Some(claim) = Claim::read(id, section) else {
            continue;
        };
        if let Some((message, hint)) = unmeasured(&claim, stages) {
            section.mistake("", message, Some(hint));
        }
        warnings.extend(never_decided(&claim, stages));
        claims.push(claim);
    }
    claims
}

/// Returns why no stage measures the metric of a claim, and what to change.
fn unmeasured(claim: &Claim, stages: &[Stage]) -> Option<(String, String)> {
    let fitting = |stage: &&Stage| claim.is_of(&stage.name);
    let row_of = |stage: &Stage| metric::rows(&claim.metric).find(|row| row.stage == stage.kind());
    let measures =
        |stage: &&Stage| row_of(stage).is_some_and(|row| stage.work.planned().does_not_measure(row).is_none());
    // Several kinds can have the metric: one that measures it decides.
    let measuring = stages.iter().filter(fitting).find(measures);
    let chosen = measuring.or_else(|| stages.iter().find(fitting));
    let row = chosen.and_then(row_of).or_else(|| metric::find(&claim.metric))?;
    let kind = row.stage;
    let wanted = chosen.map_or_else(|| claim.stage(), |stage| stage.name.as_str());
    let Some(stage) = chosen else {
        let near = stages.iter().filter(|stage| stage.kind() == kind).map(|stage| stage.name.as_str());
        let near: Vec<&str> = near.collect();
        let hint = nearest(wanted, near.iter().copied()).or(near.first().copied()).map_or_else(
            || format!("add [{}]", table(kind)),
            |near| format!("did you mean {}?", with_stage(&claim.metric, near, kind.name())),
        );
        return Some((format!("no stage {wanted} measures it"), hint));
    };
    if stage.kind() != kind {
        let message =
            format!("stage {wanted} is of kind {}, and {} is measured in {}", stage.kind().name(), row.id, kind.name());
        return Some((message, format!("name a stage of kind {}", kind.name())));
    }
    if let Some(not_measured) = stage.work.planned().does_not_measure(row) {
        return Some(not_measured);
    }
    let load = stage.work.planned().rounds()?;
    let Pace::Closed { vus } = load.pace else { return None };
    let measured = row.id.replace("{vus}", &vus.to_string());
    (measured != metric::bare(&claim.metric)).then(|| {
        let message = format!("stage {wanted} has {vus} users");
        (message, format!("did you mean {}?", with_stage(&measured, wanted, kind.name())))
    })
}

fn with_stage(id: &str, stage: &str, kind: &str) -> String {
    let bare = metric::bare(id);
    if stage == kind { bare.to_owned() } else { format!("{bare}@{stage}") }
}

/// Warns that a percentage needs a known upstream delay: without it, the metric is absent and the claim stays
/// undecided.
fn never_decided(claim: &Claim, stages: &[Stage]) -> Option<String> {
    if metric::find(&claim.metric)?.id != "overhead/percent_p50" {
        return None;
    }
    let stage = stages.iter().find(|stage| stage.name == claim.stage())?;
    let delay = stage.upstream.as_ref().and_then(Upstream::delay).unwrap_or(Nanos::ZERO);
    (delay == Nanos::ZERO).then(|| {
        let name = &stage.name;
        format!(
            "{}: it stays undecided, because a percentage needs an upstream delay; \
             add upstream = {{ delay = \"5ms\" }} to [stage.{name}]",
            claim.metric
        )
    })
}
