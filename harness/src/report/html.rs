//! Renders `report.html`: one file that works offline, in print, on a phone and in dark mode. It runs no script; its
//! charts are SVG.

mod audit;
pub(crate) mod chart;
mod forest;
mod heat;
pub(crate) mod latency;
pub(crate) mod rounds;
pub(crate) mod scale;
pub(crate) mod series;
mod spark;
pub(crate) mod table;
mod tables;
pub(crate) mod text;
pub(crate) mod view;

use maud::{DOCTYPE, Markup, html};

use super::stage::{self, show};
use super::{Error, Part, ReportFormat, Summary, pods};
use crate::measure::record::{BuildFacts, Record, StageRecord, StageStatus};
use crate::measure::trial::Build;
use crate::verdict::Judgement;
use harness_base::exit::Exit;
use harness_base::units::{Bytes, Nanos};
use text::{in_script, joined, list, nothing, printable, section, style_sheet};

pub(super) struct Html;

const STYLE: &str = include_str!("html/page.css");

/// Prevents the browser from fetching or running anything, regardless of the text of a scenario.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl ReportFormat for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let numbers = numbers(summary).map_err(|cause| Error::NoJson { format: self.name(), cause })?;
        let record = summary.record;
        let title = format!("{}: {} · harness", record.scenario.name, summary.judgement.exit.word());
        let page = html! {
            (DOCTYPE) "\n"
            html lang="en" {
                "\n"
                head {
                    "\n"
                    meta charset="utf-8"; "\n"
                    meta name="viewport" content="width=device-width, initial-scale=1"; "\n"
                    meta http-equiv="Content-Security-Policy" content=(POLICY); "\n"
                    meta name="color-scheme" content="light dark"; "\n"
                    title { (title) } "\n"
                    style { "\n" (style_sheet(STYLE)) } "\n"
                }
                "\n"
                body {
                    "\n"
                    (banner(summary))
                    main { "\n" (sections(summary)) } "\n"
                    script type="application/json" id="numbers" { "\n" (numbers) "\n" } "\n"
                }
                "\n"
            }
            "\n"
        };
        Ok(printable(&page).into_bytes())
    }
}

/// Shows the verdict, its reason, and what was measured.
fn banner(summary: &Summary<'_>) -> Markup {
    let exit = summary.judgement.exit;
    let tone = match exit {
        Exit::Pass => "good",
        Exit::Regressed | Exit::TargetFailed => "bad",
        Exit::Invalid | Exit::InvalidInput | Exit::Usage | Exit::Interrupted => "open",
    };
    html! {
        header class=(tone) {
            "\n"
            p class="kicker" { (summary.record.scenario.name) " · exit code " (exit.code()) } "\n"
            h1 { span class="word" { (exit.word()) } " " (summary.judgement.gist()) } "\n"
            @if summary.partial {
                p class="also" { "Partial: read from the journal of a run that did not finish." } "\n"
            }
            (list(summary.judgement.reasons().iter().skip(1).map(|reason| format!("also: {reason}"))))
            dl {
                "\n"
                @for (name, value) in facts(summary.record) { div { dt { (name) } dd { (value) } } "\n" }
            }
            "\n"
        }
        "\n"
    }
}

/// Lists the targets, the commit, the host and the time of the run.
fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = record.targets.iter().map(build).collect();
    facts.extend(record.git.as_ref().map(|git| {
        let branch = git.branch.as_ref().map(|branch| format!(" on {branch}")).unwrap_or_default();
        let dirty = if git.dirty { ", with uncommitted changes" } else { "" };
        ("commit", format!("{}{branch}{dirty}", git.sha.chars().take(10).collect::<String>()))
    }));
    let host = &record.host;
    facts.push(("host", format!("{}, {} CPUs, {}", host.cpu_model, host.cpus, Bytes(host.memory_bytes))));
    facts.extend(record.fleet.as_ref().map(|fleet| ("load from", fleet.described())));
    facts.extend(pods::places(record).into_iter().map(|place| ("target in", place)));
    let quick = if record.scenario.quick { ", quick: not for publication" } else { "" };
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

fn sections(summary: &Summary<'_>) -> Markup {
    joined([
        section("targets", "Targets", &tables::targets(summary)),
        section("matrix", "Matrix", &matrix(summary)),
        section("metrics", "Metrics", &tables::metrics(summary, &summary.single)),
        section("findings", "Findings", &tables::findings(summary)),
        stage::html(&summary.single.details),
        section("notes", "Notes", &list(&summary.single.notes)),
        section("profiles", "Profiles", &super::profile::html(summary.record)),
        section("charts", "Charts", &charts(summary)),
        section("stages", "Stages", &tables::stages(summary)),
        section("audit", "Audit: worst values of the valid rounds", &audit::audit(&summary.single)),
        section("rejected", "Rejected rounds and further reasons", &reasons(&summary.single)),
        section("warnings", "Warnings", &list(&summary.warnings)),
        section("absent", "Metrics without a value", &tables::absent(&summary.single)),
        section("host", "Measured on", &list(&summary.host)),
        section("scenario", "Scenario", &scenario(summary.record)),
    ])
}

fn reasons(part: &Part<'_>) -> Markup {
    list(part.rejected.iter().chain(&part.further))
}

fn charts(summary: &Summary<'_>) -> Markup {
    let changes = forest::chart(&summary.judgement.changes());
    grid(joined([changes, of_stages(summary.judgement, &summary.single)]))
}

fn of_stages(judgement: &Judgement, part: &Part<'_>) -> Markup {
    joined(part.records.iter().map(|stage| of_stage(judgement, stage)))
}

/// Arranges figures side by side.
fn grid(figures: Markup) -> Markup {
    if figures.0.is_empty() {
        figures
    } else {
        html! { div class="charts" { "\n" (figures) } "\n" }
    }
}

/// Shows the cells of every stage that varies: heat maps and tables, and on demand everything about each cell.
fn matrix(summary: &Summary<'_>) -> Markup {
    if summary.grids.is_empty() {
        return nothing();
    }
    let cells = &summary.cells;
    let parts = [
        ("All values of each cell", joined([tables::cells(summary), tables::metrics(summary, cells)])),
        ("Detail of each cell", stage::html(&cells.details)),
        ("Notes and reasons of each cell", joined([list(&cells.notes), reasons(cells), tables::absent(cells)])),
        ("Audit of each cell", audit::audit(cells)),
        ("Charts of each cell", grid(of_stages(summary.judgement, cells))),
    ];
    html! {
        (grid(joined(summary.grids.iter().map(heat::figures))))
        (joined(summary.grids.iter().map(heat::tables)))
        @for (title, content) in parts {
            @if !content.0.is_empty() {
                details { "\n" summary { (title) } "\n" (content) } "\n"
            }
        }
    }
}

/// Draws the charts of a stage, with a remark if its numbers do not count.
fn of_stage(judgement: &Judgement, stage: &StageRecord) -> Markup {
    let found = judgement.stages.iter().find(|found| found.name == stage.name);
    let figures = (show(stage.kind()).charts)(stage, found.and_then(|found| found.detail.as_ref()));
    if figures.0.is_empty() {
        return nothing();
    }
    html! {
        @if stage.status != StageStatus::Valid {
            p class="also whole" {
                (stage.name) ": the numbers of this stage do not count; the charts show what happened."
            }
            "\n"
        }
        (figures)
    }
}

fn scenario(record: &Record) -> Markup {
    let facts = &record.scenario;
    let digest: String = facts.sha256.chars().take(12).collect();
    html! {
        @if !facts.overrides.is_empty() {
            p { "Changed on the command line: " code { (facts.overrides.join(" ")) } } "\n"
        }
        details {
            "\n"
            summary { (facts.name) ".toml as run (sha256 " (digest) ", seed " (facts.seed) ")" } "\n"
            pre class="scroll" tabindex="0" { (facts.text) } "\n"
        }
        "\n"
    }
}

/// Every estimate with its rounds, for programs that read only this page.
#[derive(serde::Serialize)]
struct Numbers<'a> {
    schema_version: u32,
    run_id: &'a str,
    scenario: &'a str,
    started_at: &'a str,
    judgement: &'a Judgement,
}

fn numbers(summary: &Summary<'_>) -> Result<Markup, serde_json::Error> {
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
