//! Renders `perf-summary.md`, the summary that QNet's playbook requires: metadata, hardware, environment, tuning, benchmarks, profile,
//! results against the baseline, regressions, summary.

use super::{Error, ReportFormat, Summary};
use crate::measure::Setting;
use crate::measure::fleet::FleetFacts;
use crate::measure::profile::{Profile, SelfTime};
use crate::measure::record::{Record, StageRecord};
use crate::verdict::judgement::{ClaimFinding, ClaimState, Finding, FindingKind};
use harness_base::units::{Bytes, Nanos, Ratio, grouped};

pub(super) struct PerfSummary;

impl ReportFormat for PerfSummary {
    fn name(&self) -> &'static str {
        "perf-summary"
    }

    fn file_name(&self) -> &'static str {
        "perf-summary.md"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let record = summary.record;
        let text = format!(
            "# Performance summary: {}\n\n## Run metadata\n\n{}\n## Hardware profile\n\n{}\n## Environment\n\n{}\n## Host tuning\n\n{}\n## Benchmarks\n\n{}\n\
             ## Profile\n\n{}\n## Results against the baseline\n\n{}\n## Regressions\n\n{}\n## Acceptance checklist\n\n{}\n## Summary\n\n{}\n",
            plain(&record.scenario.name),
            metadata(record),
            hardware(record),
            environment(record),
            tuning(record),
            benchmarks(summary),
            profiles(record),
            changes(summary),
            regressions(summary),
            checklist(summary),
            plain(&summary.headline)
        );
        Ok(text.into_bytes())
    }
}

/// Formats names and values, and marks unknown values.
fn lines(pairs: &[(&str, Option<String>)]) -> String {
    let line = |(name, value): &(&str, Option<String>)| {
        format!("- {name}: {}\n", value.as_ref().map_or_else(|| "not known".to_owned(), |value| plain(value)))
    };
    pairs.iter().map(line).collect()
}

/// Removes Markdown syntax: tags, cells and line breaks.
fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|").replace('\n', " ")
}

fn metadata(record: &Record) -> String {
    let git = record.git.as_ref();
    let dirty = |dirty| if dirty { " (with uncommitted changes)" } else { "" };
    lines(&[
        ("date (UTC)", Some(record.started_at.clone())),
        ("run", Some(format!("{}, took {}", record.run_id, Nanos(record.took_ns)))),
        ("commit", git.map(|git| format!("{}{}", git.sha, dirty(git.dirty)))),
        ("branch", git.and_then(|git| git.branch.clone())),
        ("target", record.targets.first().map(|target| target.program.clone())),
    ])
}

/// Lists the hardware without storage and network cards, because no number depends on them: all traffic stays on this
/// host, unless a fleet sends the load.
fn hardware(record: &Record) -> String {
    let host = &record.host;
    lines(&[
        ("CPU", Some(format!("{}, {} CPUs", host.cpu_model, host.cpus))),
        ("memory", Some(Bytes(host.memory_bytes).to_string())),
        ("system", Some(format!("{}, Linux {}", host.os, host.kernel))),
        ("virtualization", host.virtualization.clone()),
        ("load from", Some(record.fleet.as_ref().map_or_else(|| "this machine".to_owned(), FleetFacts::described))),
    ])
}

fn environment(record: &Record) -> String {
    let host = &record.host;
    let env = record.targets.iter().flat_map(|target| target.env.clone()).collect::<Vec<_>>().join(" ");
    lines(&[
        ("CPU governor", host.governor.clone()),
        ("load when the run began", Some(format!("{:.2}", host.load_average))),
        ("clock source", host.clock_source.clone()),
        ("environment of the target", Some(env).filter(|env| !env.is_empty())),
        ("measured with", Some(format!("harness {} ({})", record.tool.version, record.tool.profile))),
    ])
}

/// Lists the settings of the CPUs with the commands that set them for measurements.
fn tuning(record: &Record) -> String {
    let Some(tuning) = &record.host.tuning else { return "It was not recorded.\n".to_owned() };
    let line = |setting: Setting| {
        let state = tuning.state(setting).unwrap_or_else(|| "not visible to this system".to_owned());
        let command = tuning.command(setting, record.host.cpus);
        let set = command.map(|command| format!("; set it with `{command}`")).unwrap_or_default();
        format!("- {}: {}{set}\n", setting.name(), plain(&state))
    };
    let lines: String = Setting::ALL.into_iter().map(line).collect();
    format!("{lines}\nHarness changes none of these settings.\n")
}

/// Lists the functions of each profile in which most samples were taken.
fn profiles(record: &Record) -> String {
    let tables: Vec<String> = record.stages.iter().filter_map(profile).collect();
    if tables.is_empty() { "Nothing was profiled; add --profile to the run.\n".to_owned() } else { tables.join("\n") }
}

fn profile(stage: &StageRecord) -> Option<String> {
    let name = plain(&stage.name);
    let taken = match stage.profile.as_ref()? {
        Profile::Taken(taken) => taken,
        Profile::Absent(why) => return Some(format!("{name}: no profile: {}\n", plain(why))),
    };
    let share = |samples: u64| Ratio(samples as f64 / taken.samples.max(1) as f64);
    let row = |one: &SelfTime| {
        let function = plain(&one.function).replace('`', "'");
        format!("| `{function}` | {} | {} |\n", share(one.samples), grouped(one.samples as f64))
    };
    let rows: String = taken.top.iter().map(row).collect();
    let samples = grouped(taken.samples as f64);
    Some(format!(
        "{name}: {samples} samples of {}, by the function in which they were taken\n\n| function | share | samples |\n|---|---:|---:|\n{rows}",
        plain(&taken.event)
    ))
}

fn benchmarks(summary: &Summary<'_>) -> String {
    let rows: String = summary
        .all_groups()
        .flat_map(|group| &group.rows)
        .map(|row| {
            let interval = row.interval.as_ref().map(|ends| format!(" {ends}")).unwrap_or_default();
            let advisory = if row.metric.advisory.is_some() { " (advisory)" } else { "" };
            format!("| {}{advisory} | {}{interval} | {} |\n", plain(&row.metric.id), row.value, row.n)
        })
        .collect();
    if rows.is_empty() {
        return "No metric has a value.\n".to_owned();
    }
    format!("| metric | median [interval] | n |\n|---|---:|---:|\n{rows}")
}

fn changes(summary: &Summary<'_>) -> String {
    let line = |finding: &Finding| {
        format!("- {}: {}: {}\n", plain(&finding.subject), finding.kind.word(), plain(&finding.message))
    };
    let all: String = summary.judgement.changes().into_iter().map(line).collect();
    if all.is_empty() { "Nothing was compared in this run.\n".to_owned() } else { all }
}

fn regressions(summary: &Summary<'_>) -> String {
    let compared = summary.judgement.changes();
    if compared.is_empty() {
        return "None was looked for: nothing was compared.\n".to_owned();
    }
    let worse = compared.into_iter().filter(|finding| matches!(finding.kind, FindingKind::Block | FindingKind::Alert));
    let all: String = worse
        .map(|finding| {
            format!(
                "- {}: {}\n  - cause: to be filled in\n  - follow-up: to be filled in\n",
                plain(&finding.subject),
                plain(&finding.message)
            )
        })
        .collect();
    if all.is_empty() { "None was found.\n".to_owned() } else { all }
}

/// Lists the claims of the scenario with a box each. Only the box of a claim that is met is checked.
fn checklist(summary: &Summary<'_>) -> String {
    let line = |claim: &ClaimFinding| {
        let mark = if claim.state == ClaimState::Met { 'x' } else { ' ' };
        let (metric, limit, message) = (plain(&claim.metric), plain(&claim.limit), plain(&claim.message));
        format!("- [{mark}] {metric} {limit}: {}, {message}\n", claim.state.word())
    };
    let all: String = summary.judgement.targets.iter().map(line).collect();
    if all.is_empty() { "The scenario states no claims in [targets].\n".to_owned() } else { all }
}
