//! `report.html`: one file that works offline, on paper, on a phone and in the dark. No script runs in it; what is drawn is
//! SVG made here.

mod audit;
mod chart;
mod faults;
mod forest;
mod latency;
mod limits;
mod rounds;
mod scale;
mod series;
mod soak;
mod spark;
mod startup;
mod tables;
mod text;
mod view;

use super::{Error, ReportFormat, Summary};
use crate::measure::record::{BuildFacts, Record, StageStatus};
use crate::measure::trial::Build;
use crate::verdict::Judgement;
use harness_base::exit::Exit;
use harness_base::units::{Bytes, Nanos};
pub(super) use text::escaped;
use text::{in_script, list, section};

pub(super) struct Html;

const STYLE: &str = include_str!("html/page.css");

/// Nothing is fetched and nothing runs, whatever a scenario's text contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl ReportFormat for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let numbers = numbers(summary).map_err(|source| Error::NoJson { format: self.name(), source })?;
        let record = summary.record;
        let title = format!("{}: {} · harness", record.scenario.name, summary.judgement.exit.word());
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             {}<main>\n{}</main>\n<script type=\"application/json\" id=\"numbers\">\n{numbers}\n</script>\n</body>\n</html>\n",
            escaped(&title),
            banner(summary),
            sections(summary)
        );
        Ok(page.into_bytes())
    }
}

/// The verdict, why, and what was measured.
fn banner(summary: &Summary<'_>) -> String {
    let tone = match summary.judgement.exit {
        Exit::Pass => "good",
        Exit::Regressed | Exit::TargetFailed => "bad",
        Exit::Invalid | Exit::InvalidInput | Exit::Usage | Exit::Interrupted => "open",
    };
    let exit = summary.judgement.exit;
    let headline =
        summary.headline.strip_prefix(exit.word()).unwrap_or(&summary.headline).trim_start_matches([':', ' ']);
    let partial = if summary.partial {
        "<p class=\"also\">Partial: read from the journal of a run that did not end by itself.</p>\n"
    } else {
        ""
    };
    let others: Vec<String> =
        summary.judgement.reasons.iter().skip(1).map(|reason| format!("also: {reason}")).collect();
    let facts: String = facts(summary.record)
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", escaped(value)))
        .collect();
    format!(
        "<header class=\"{tone}\">\n<p class=\"kicker\">{} · exit code {}</p>\n<h1><span class=\"word\">{}</span> {}</h1>\n{partial}{}\
         <dl>\n{facts}</dl>\n</header>\n",
        escaped(&summary.record.scenario.name),
        exit.code(),
        exit.word(),
        escaped(headline),
        list(&others)
    )
}

/// What was measured, where, when, and for how long.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = record.targets.iter().map(build).collect();
    facts.extend(record.git.as_ref().map(|git| {
        let branch = git.branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
        let dirty = if git.dirty { ", with uncommitted changes" } else { "" };
        ("commit", format!("{}{branch}{dirty}", git.sha.chars().take(10).collect::<String>()))
    }));
    let host = &record.host;
    facts.push(("host", format!("{}, {} CPUs, {}", host.cpu_model, host.cpus, Bytes(host.memory_bytes))));
    let quick = if record.scenario.quick { ", quick: a look, not a number to publish" } else { "" };
    facts.push(("when", format!("{}, took {}{quick}", record.started_at, Nanos(record.took_ns))));
    facts.push(("run", record.run_id.clone()));
    facts
}

fn build(target: &BuildFacts) -> (&'static str, String) {
    let name = if target.build == Build::Base { "base" } else { "target" };
    let size = target.size_bytes.filter(|_| !target.builtin).map(|bytes| format!(", {}", Bytes(bytes)));
    let digest =
        target.sha256.as_ref().map(|digest| format!(", sha256 {}", digest.chars().take(12).collect::<String>()));
    (name, format!("{}{}{}", target.program, size.unwrap_or_default(), digest.unwrap_or_default()))
}

fn sections(summary: &Summary<'_>) -> String {
    [
        section("targets", "Targets", &tables::targets(summary)),
        section("metrics", "Metrics", &tables::metrics(summary)),
        section("findings", "Findings", &tables::findings(summary)),
        section("faults", "Faults", &faults::tables(summary)),
        section("notes", "Notes", &list(&summary.notes)),
        section("profiles", "Profiles", &super::profile::html(summary.record)),
        section("charts", "Charts", &charts(summary)),
        section("stages", "Stages", &tables::stages(summary)),
        section("audit", "Audit, at worst in valid rounds", &audit::audit(summary)),
        section("rejected", "Rejected rounds and further reasons", &reasons(summary)),
        section("warnings", "Warnings", &list(&summary.warnings)),
        section("absent", "Metrics without a value", &tables::absent(summary)),
        section("host", "Measured on", &list(&summary.host)),
        section("scenario", "Scenario", &scenario(summary.record)),
    ]
    .concat()
}

fn reasons(summary: &Summary<'_>) -> String {
    list(&summary.rejected.iter().chain(&summary.further).cloned().collect::<Vec<_>>())
}

/// The drawings of each stage; those of a stage whose numbers do not count say so.
fn charts(summary: &Summary<'_>) -> String {
    let of_stage = |stage: &crate::measure::record::StageRecord| {
        let curves = summary.judgement.curves.iter().filter(|curve| curve.stage == stage.name);
        let soaks = summary.judgement.soaks.iter().filter(|soak| soak.stage == stage.name);
        let figures = [
            rounds::charts(stage),
            latency::chart(stage),
            startup::charts(stage),
            curves.map(limits::charts).collect(),
            soaks.map(|soak| soak::charts(stage, soak)).collect(),
            series::charts(stage),
        ]
        .concat();
        if figures.is_empty() {
            return figures;
        }
        match stage.status {
            StageStatus::Valid => figures,
            _ => format!(
                "<p class=\"also whole\">{}: the numbers of this stage do not count; they are drawn to show what happened.</p>\n{figures}",
                escaped(&stage.name)
            ),
        }
    };
    let changes = forest::chart(&summary.judgement.changes());
    let figures: String = std::iter::once(changes).chain(summary.record.stages.iter().map(of_stage)).collect();
    if figures.is_empty() { figures } else { format!("<div class=\"charts\">\n{figures}</div>\n") }
}

fn scenario(record: &Record) -> String {
    let facts = &record.scenario;
    let overrides = if facts.overrides.is_empty() {
        String::new()
    } else {
        format!("<p>Changed on the command line: <code>{}</code></p>\n", escaped(&facts.overrides.join(" ")))
    };
    format!(
        "{overrides}<details>\n<summary>{}.toml as it was run (sha256 {}, seed {})</summary>\n<pre class=\"scroll\" tabindex=\"0\">{}</pre>\n\
         </details>\n",
        escaped(&facts.name),
        escaped(&facts.sha256.chars().take(12).collect::<String>()),
        facts.seed,
        escaped(&facts.text)
    )
}

/// Every estimate with its rounds, for programs that have only this page.
#[derive(serde::Serialize)]
struct Numbers<'a> {
    schema_version: u32,
    run_id: &'a str,
    scenario: &'a str,
    started_at: &'a str,
    judgement: &'a Judgement,
}

fn numbers(summary: &Summary<'_>) -> Result<String, serde_json::Error> {
    let record = summary.record;
    let numbers = Numbers {
        schema_version: 1,
        run_id: &record.run_id,
        scenario: &record.scenario.name,
        started_at: &record.started_at,
        judgement: summary.judgement,
    };
    serde_json::to_string(&numbers).map(|json| in_script(&json))
}
