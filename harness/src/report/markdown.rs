//! Renders `summary.md`: GitHub-flavoured Markdown, the verdict first.

pub(crate) mod escape;

use escape::escaped;

use super::{Error, ReportFormat, Row, Summary};
use crate::verdict::judgement::{ClaimFinding, ClaimState, counted};

pub(super) struct Markdown;

/// Largest summary in bytes: GitHub accepts 1 MiB per step, of which some is left for other programs.
const LIMIT: usize = 1_000_000;

impl ReportFormat for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn file_name(&self) -> &'static str {
        "summary.md"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        let parts = [
            head(summary),
            summary.compared.as_ref().map(super::compared::markdown).unwrap_or_default(),
            super::matrix::text::markdown(&summary.grids),
            metrics(summary),
        ]
        .into_iter()
        .chain(super::stage::markdown(&summary.single.details))
        .chain([
            unmeasured_targets(summary),
            list("Notes", &summary.single.notes),
            escaped_list("Profiles", &super::profile::markdown(summary.record)),
            stages(summary),
            list("Audit: worst values of the valid rounds", &summary.single.audit),
            list("Further reasons", &summary.single.further),
            list("Rejected rounds", &summary.single.rejected),
            list("Warnings", &summary.warnings),
            absent(summary),
            list("Measured on", &summary.host),
        ]);
        let filled: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        Ok(within(filled.join("\n"), LIMIT).into_bytes())
    }
}

fn head(summary: &Summary<'_>) -> String {
    let mut text = format!("## {}\n\n{}\n", escaped(&summary.headline), escaped(&summary.run));
    if summary.partial {
        text.push_str("\n**Partial**: read from the journal of a run that did not finish.\n");
    }
    let reasons = summary.judgement.reasons();
    let others = reasons.iter().skip(1).map(|reason| format!("- also: {}\n", escaped(reason)));
    let others: String = others.collect();
    if others.is_empty() { text } else { format!("{text}\n{others}") }
}

fn metrics(summary: &Summary<'_>) -> String {
    let rows: Vec<&Row<'_>> = summary.single.groups.iter().flat_map(|group| &group.rows).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "| metric | direct | proxied | value [interval] | target | state |\n|---|---:|---:|---:|---|---|\n".to_owned();
    for row in rows {
        let interval = row.interval.as_ref().map(|ends| format!(" {ends}")).unwrap_or_default();
        let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        text.push_str(&format!(
            "| {} | {} | {} | **{}**{interval} | {} | {} |\n",
            escaped(&row.metric.id),
            cell(&row.direct),
            cell(&row.proxied),
            row.value,
            row.claim.map_or("–", |claim| claim.limit.as_str()),
            state(row)
        ));
    }
    text.push_str("\nValues are over n instances, rounds or launches; intervals cover 95 % or more.\n");
    text
}

fn state(row: &Row<'_>) -> String {
    let claim = row.claim.map(claim_state);
    let advisory = row.metric.advisory.as_ref().map(|why| format!("advisory: {why}"));
    let parts: Vec<String> = claim.into_iter().chain(advisory).collect();
    if parts.is_empty() { "–".to_owned() } else { escaped(&parts.join("; ")) }
}

fn claim_state(claim: &ClaimFinding) -> String {
    let required = if claim.required { " (required)" } else { "" };
    match claim.state {
        ClaimState::NotMet => format!("**not met**{required}"),
        state => format!("{}{required}", state.word()),
    }
}

/// Lists claims about metrics that have no row.
fn unmeasured_targets(summary: &Summary<'_>) -> String {
    let absent = summary.judgement.targets.iter().filter(|target| target.state == ClaimState::Absent);
    let lines =
        absent.map(|target| format!("{} {}: {}, {}", target.metric, target.limit, claim_state(target), target.message));
    list("Targets without a value", &lines.collect::<Vec<_>>())
}

fn stages(summary: &Summary<'_>) -> String {
    let stages = summary.stages();
    let rows = stages.iter().map(|[name, state, work]| format!("| {name} | {state} | {} |\n", escaped(work)));
    let rows: String = rows.collect();
    if rows.is_empty() { rows } else { format!("| stage | state | work |\n|---|---|---|\n{rows}") }
}

fn absent(summary: &Summary<'_>) -> String {
    let absent = &summary.single.absent;
    if absent.is_empty() {
        return String::new();
    }
    let count: usize = absent.iter().map(|(_, ids)| ids.len()).sum();
    let line = |(reason, ids): &(String, Vec<String>)| format!("- {}: {}\n", escaped(&ids.join(", ")), escaped(reason));
    let lines: String = absent.iter().map(line).collect();
    format!("<details><summary>{} without a value</summary>\n\n{lines}\n</details>\n", counted(count, "metric"))
}

fn list(title: &str, lines: &[String]) -> String {
    escaped_list(title, &lines.iter().map(|line| escaped(line)).collect::<Vec<_>>())
}

/// The same for lines that are escaped already.
fn escaped_list(title: &str, lines: &[String]) -> String {
    let items: String = lines.iter().map(|line| format!("- {line}\n")).collect();
    if items.is_empty() { items } else { format!("**{title}**\n\n{items}") }
}

/// Cuts the text to as many lines as fit into `limit` bytes, and counts the rest.
fn within(text: String, limit: usize) -> String {
    const LAST: usize = 100;
    if text.len() <= limit {
        return text;
    }
    let mut kept = String::new();
    let mut lines = text.split_inclusive('\n');
    let next = lines.by_ref().find(|line| {
        let fits = kept.len() + line.len() + LAST <= limit;
        if fits {
            kept.push_str(line);
        }
        !fits
    });
    let more = lines.count() + usize::from(next.is_some());
    let open = kept.matches("<details>").count() > kept.matches("</details>").count();
    let close = if open { "\n</details>\n" } else { "" };
    format!("{kept}{close}\nand {} more\n", counted(more, "line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut_at_a_line() {
        let text = format!("head\n<details>\n{}</details>\n", "| a row |\n".repeat(100));
        assert_eq!(within(text.clone(), 10_000), text);
        let cut = within(text, 400);
        assert!(cut.len() <= 400 && cut.starts_with("head\n<details>\n| a row |\n"), "{cut}");
        assert!(cut.ends_with("| a row |\n\n</details>\n\nand 73 lines more\n"), "{cut}");
        assert_eq!(within("x".repeat(500), 400), "\nand 1 line more\n");
    }
}
