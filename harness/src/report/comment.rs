//! Renders `comment.md`, the comment on a pull request. The marker in its first line identifies it for the next run;
//! regressions come first, and the rest is folded. Anyone can read it, so it contains no path and no secret.

use super::lines::{FindingLine, FindingLines, HEAD, lines};
use super::scrub::public;
use super::{Error, ReportFormat, Summary};
use crate::measure::HostFacts;
use crate::measure::record::Record;
use crate::verdict::judgement::counted;

/// The comment for the host in the record, as a format.
pub(super) struct Comment;

impl ReportFormat for Comment {
    fn name(&self) -> &'static str {
        "comment"
    }

    fn file_name(&self) -> &'static str {
        "comment.md"
    }

    fn render(&self, summary: &Summary<'_>) -> Result<Vec<u8>, Error> {
        Ok(body(summary, &Options::default()).into_bytes())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Name of the host or class of hosts; by default, operating system and CPUs of the host in the record.
    pub testbed: Option<String>,
    /// Whether the comment replaces one that reported something worse.
    pub resolved: bool,
}

/// Largest number of characters of a comment. GitHub accepts 65,536.
pub const LIMIT: usize = 59_000;

/// Characters that are reserved for the text after the findings: titles of the folded parts and the last lines.
const TAIL: usize = 3_000;

/// Largest number of rows to consider: no row is so short that more would fit.
const MOST: usize = 1_500;

/// Returns the marker: the first line of every comment about this scenario on this testbed.
pub fn marker(record: &Record, testbed: Option<&str>) -> String {
    format!("<!-- harness:v1 id={} -->", testbed_name(record, testbed))
}

/// Returns the name of the testbed of a run: its scenario, and its host or class of hosts. Numbers of different
/// testbeds are never compared.
pub(super) fn testbed_name(record: &Record, testbed: Option<&str>) -> String {
    let testbed = testbed.map_or_else(|| testbed_of(&record.host), slug);
    let fleet = record.fleet.as_ref().map(|fleet| slug(&fleet.shape().to_string()));
    let fleet = fleet.map(|fleet| format!("-{fleet}")).unwrap_or_default();
    format!("{}/{testbed}{fleet}", slug(&record.scenario.name))
}

/// Renders the whole comment, at most [`LIMIT`] characters, ending in a newline.
pub fn body(summary: &Summary<'_>, options: &Options) -> String {
    let mut page = Page::default();
    page.push(&format!("{}\n", marker(summary.record, options.testbed.as_deref())));
    head(&mut page, summary, options.resolved);
    let FindingLines { first, unchanged } = lines(summary.judgement);
    // With many findings, each row is shortened, so that as many as possible of the first group fit.
    let room = page.room("", HEAD, TAIL);
    let rows_of = |most: usize| first.iter().take(MOST).map(|line| row(line, most)).collect::<Vec<String>>();
    let fits = |rows: &Vec<String>| rows.iter().map(|row| row.chars().count()).sum::<usize>() <= room;
    let rows = [600, 300, 150, 75].into_iter().map(rows_of).find(fits).unwrap_or_else(|| rows_of(40));
    page.table("", HEAD, &rows, first.len(), TAIL);
    let rows: Vec<String> = unchanged.iter().take(MOST).map(|line| row(line, 300)).collect();
    page.table(&format!("{} unchanged", counted(unchanged.len(), "finding")), HEAD, &rows, unchanged.len(), TAIL);
    let rows: Vec<String> = summary.all_groups().flat_map(|group| &group.rows).map(metric).collect();
    page.table(&counted(rows.len(), "metric"), METRICS, &rows, rows.len(), TAIL);
    foot(&mut page, summary);
    page.text
}

fn head(page: &mut Page, summary: &Summary<'_>, resolved: bool) {
    let resolved = if resolved { "resolved: " } else { "" };
    let name = public(&summary.record.scenario.name, 80);
    page.push(&format!("### Performance of {name}: {resolved}{}\n\n", public(&summary.headline, 600)));
    if summary.partial {
        page.push("**Partial**: read from the journal of a run that did not finish.\n\n");
    }
    let reasons = summary.judgement.reasons();
    let others = reasons.get(1..).unwrap_or_default();
    for reason in others.iter().take(10) {
        page.push(&format!("- also: {}\n", public(reason, 300)));
    }
    if others.len() > 10 {
        page.push(&format!("- and {} more\n", others.len() - 10));
    }
    if !others.is_empty() {
        page.push("\n");
    }
}

fn row(line: &FindingLine, most: usize) -> String {
    format!("| {} | {} | {} |\n", line.mark, public(&line.subject, 100), public(&line.message, most))
}

const METRICS: &str = "| metric | direct | proxied | value [interval] | n |\n|---|---:|---:|---:|---:|\n";

fn metric(row: &super::Row<'_>) -> String {
    let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let interval = row.interval.as_ref().map(|ends| format!(" {ends}")).unwrap_or_default();
    let (id, direct, proxied) = (public(&row.metric.id, 100), cell(&row.direct), cell(&row.proxied));
    format!("| {id} | {direct} | {proxied} | **{}**{interval} | {} |\n", row.value, row.n)
}

/// Describes the host, and how to reproduce the result.
fn foot(page: &mut Page, summary: &Summary<'_>) {
    let Record { run_id, host, scenario, tool, .. } = summary.record;
    let quick = if scenario.quick { ", with --quick: not for publication" } else { "" };
    let load = summary.record.fleet.as_ref().map(|fleet| format!(", with load from {}", fleet.shape()));
    let load = load.unwrap_or_default();
    page.push(&format!(
        "Measured on {}, {} CPUs, {}{load}; run {}{quick}.\n",
        public(&host.cpu_model, 100),
        host.cpus,
        public(&host.os, 100),
        public(run_id, 100)
    ));
    let digest: String = scenario.sha256.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let overrides = match scenario.overrides.len() {
        0 => String::new(),
        n => format!(", {} by --set", counted(n, "change")),
    };
    page.push(&format!(
        "Reproduce: `harness report result.json` judges the stored run again; the scenario is {} ({digest}{overrides}), seed {}, \
         harness {}.\n",
        public(&scenario.name, 80),
        scenario.seed,
        public(&tool.version, 40)
    ));
}

/// Returns operating system and CPUs of a host without the point release: `ubuntu-24.04-4cpus`.
fn testbed_of(host: &HostFacts) -> String {
    let words: Vec<&str> = host.os.split_whitespace().collect();
    let name = words.first().map_or("linux", |word| *word);
    let numbered = words.iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let version = numbered.map(|version| version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
    let version = version.map(|version| format!("-{version}")).unwrap_or_default();
    slug(&format!("{name}{version}-{}cpus", host.cpus))
}

/// Replaces everything except letters, digits and `._-`, so that the text cannot end the marker.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let dashed: String = text.chars().take(80).map(plain).collect();
    let parts: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "unnamed".to_owned() } else { parts.join("-") }
}

/// Text of at most [`LIMIT`] characters.
#[derive(Default)]
struct Page {
    text: String,
    chars: usize,
}

impl Page {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.chars += text.chars().count();
    }

    /// Returns the number of characters for the rows of a table if `reserve` are left for the rest.
    fn room(&self, title: &str, head: &str, reserve: usize) -> usize {
        const FRAME: usize = 200;
        LIMIT.saturating_sub(self.chars + reserve + head.len() + title.len() + FRAME)
    }

    /// Adds a table with as many rows as leave `reserve` characters, and the number of omitted rows out of `of`. A
    /// table with a title is folded.
    fn table(&mut self, title: &str, head: &str, rows: &[String], of: usize, reserve: usize) {
        let mut room = self.room(title, head, reserve);
        let fits = rows.iter().take_while(|row| {
            let length = row.chars().count();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        });
        let fits = fits.count();
        if rows.is_empty() {
            return;
        }
        let (open, close) = match title {
            "" => (String::new(), "\n"),
            title => (format!("<details><summary>{title}</summary>\n\n"), "\n</details>\n\n"),
        };
        self.push(&open);
        if fits > 0 {
            self.push(head);
            rows.iter().take(fits).for_each(|row| self.push(row));
        }
        if fits < of {
            self.push(&format!("\nand {} more\n", of - fits));
        }
        self.push(close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_testbed_outlives_updates_of_its_system() {
        let on = |os: &str| testbed_of(&HostFacts { os: os.to_owned(), cpus: 4, ..HostFacts::default() });
        assert_eq!(on("Ubuntu 24.04.3 LTS"), "ubuntu-24.04-4cpus");
        assert_eq!(on("Ubuntu 24.04.1 LTS"), on("Ubuntu 24.04.3 LTS"));
        assert_eq!(on("Debian GNU/Linux 12 (bookworm)"), "debian-12-4cpus");
        assert_eq!(on(""), "linux-4cpus");
        assert_eq!(slug("--> <script> Ünï/x"), "script-n-x");
    }
}
