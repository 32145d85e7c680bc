//! README and guides: links lead somewhere, scenarios can be read, commands can be typed, and reasons are those of the audit.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

use harness::measure::LedgerRule;
use harness::measure::audit::{Blame, Check, Evidence, Found, Limits, audit, launch_disturbances};
use harness::measure::launch::LaunchRecord;
use harness::measure::outcome::Outcomes;
use harness::measure::trial::Ledger;
use harness::measure::usage::{HostUsage, Reading, Series, TreeUsage};
use harness::measure::{Arm, LoadFacts, NetemFacts, NetemLine, Pace, PathName, RelayFacts, RelayLag};
use harness::scenario::Scenario;
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::{Nanos, Rate};
use harness_load::facts::{ReadLag, StallTotal};
use harness_load::nodes::{NodeClock, NodeTrial};

use super::*;

/// A document for people.
struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(path: &str) -> Page {
    let path = root().join(path);
    Page { text: std::fs::read_to_string(&path).unwrap(), path }
}

/// Returns README, CONTRIBUTING and everything in `docs`.
fn pages() -> Vec<Page> {
    let mut pages = vec![page("README.md"), page("CONTRIBUTING.md")];
    let mut folders = vec!["harness/docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") {
                pages.push(page(&path));
            }
        }
    }
    assert!(pages.len() >= 14, "{} pages", pages.len());
    pages
}

impl Page {
    /// Returns the lines outside of code blocks.
    fn prose(&self) -> String {
        let mut inside = false;
        let mut lines = Vec::new();
        for line in self.text.lines() {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            if !inside && !fence {
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    /// Returns the code blocks with these words behind their opening fence.
    fn blocks(&self, info: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(found) = line.strip_prefix("```") else { continue };
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            if found == info {
                blocks.push(block.join("\n") + "\n");
            }
        }
        blocks
    }

    /// Returns the targets of its links, except those in code.
    fn links(&self) -> Vec<String> {
        let prose: String = self.prose().split('`').step_by(2).collect();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| target.to_owned()).collect()
    }

    fn has_heading(&self, anchor: &str) -> bool {
        let prose = self.prose();
        prose
            .lines()
            .filter(|line| line.starts_with('#'))
            .any(|line| slug(line.trim_start_matches('#').trim()) == anchor)
    }
}

/// Returns the anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => Some(c).filter(|c| c.is_alphanumeric()),
    };
    heading.to_lowercase().chars().filter_map(kept).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        for link in page.links().iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, at)| (path, Some(at)));
            let target = if path.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} leads nowhere", page.path.display());
            if let Some(anchor) = anchor {
                let there = Page { text: std::fs::read_to_string(&target).unwrap(), path: target };
                assert!(there.has_heading(anchor), "{}: {link} names no heading", page.path.display());
            }
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen} links");
}

fn parse(text: &str) -> Result<Scenario, harness::scenario::Error> {
    Scenario::parse(text, Path::new("bench/my-proxy.toml"), root().join("scenarios"), &[])
}

#[test]
fn whole_scenarios_in_the_guides_are_read_without_a_warning() {
    let blocks: Vec<String> = pages().iter().flat_map(|page| page.blocks("toml scenario")).collect();
    assert!(!blocks.is_empty());
    for text in blocks {
        let scenario = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(scenario.warnings, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn mistakes_in_the_guides_are_reported_as_the_guides_say() {
    for page in pages() {
        let (mistaken, said) = (page.blocks("toml mistakes"), page.blocks("text mistakes"));
        assert_eq!(mistaken.len(), said.len(), "{}", page.path.display());
        for (text, said) in mistaken.iter().zip(said) {
            assert_eq!(format!("error: {}\n", parse(text).unwrap_err()), said, "{}", page.path.display());
        }
    }
    assert!(!page("harness/docs/guides/writing-a-scenario.md").blocks("text mistakes").is_empty());
}

/// Returns the words of a line that would be typed, quotes taken off. What stands behind a comment sign, a pipe or a
/// redirection and variable assignments in front of the command are left out.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    let is_variable = |word: &String| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let ends = |word: &String| ["#", "|", ">", "&&"].contains(&word.as_str());
    words.into_iter().skip_while(is_variable).take_while(|word| !ends(word)).collect()
}

/// Each command of ours is asked for its help, so that a flag or value that does not exist is refused and nothing is done.
#[test]
fn commands_in_the_documents_can_be_typed() {
    let mut typed = BTreeSet::new();
    for page in pages() {
        for line in page.blocks("console").iter().flat_map(|block| block.lines()) {
            let Some(line) = line.strip_prefix("$ ") else { continue };
            let words = words(line);
            for word in words.iter().filter(|word| word.starts_with("scripts/") || word.starts_with("scenarios/")) {
                assert!(root().join(word).exists(), "{}: {line}: there is no {word}", page.path.display());
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let arguments = match words.as_slice() {
                ["harness", arguments @ ..] => arguments,
                ["cargo", "run", "--release", "-p", "harness", "--", arguments @ ..] => arguments,
                _ => continue,
            };
            if typed.insert(arguments.join(" ")) {
                let mut harness = Command::new(env!("CARGO_BIN_EXE_harness"));
                // The arguments after `--` belong to another program.
                let own = arguments.iter().position(|word| *word == "--").unwrap_or(arguments.len());
                let output = harness.args(&arguments[..own]).arg("--help").args(&arguments[own..]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}: {line}: {said}", page.path.display());
            }
        }
    }
    assert!(typed.len() >= 15, "{typed:?}");
}

#[test]
fn the_readme_has_the_two_commands_the_workflow_of_its_page_and_lines_of_a_real_summary() {
    let readme = page("README.md");
    let console = readme.blocks("console").concat();
    let typed: Vec<&str> = console.lines().filter_map(|line| line.split('#').next()).map(str::trim).collect();
    assert_eq!(
        typed[..2],
        ["$ cargo run --release -p harness -- run scenarios/sidecar.toml", "$ cargo test --workspace"]
    );
    assert_eq!(readme.blocks("yaml")[0], page("harness/docs/ci.md").blocks("yaml")[0]);
    let summary = page("harness/docs/report.txt");
    let mut lines = summary.text.lines();
    for line in readme.blocks("")[0].lines().filter(|line| *line != "…") {
        assert!(lines.any(|found| found == line), "{line:?} is not in the summary, or not in this order");
    }
}

/// Returns what a relay did that was 9 ms late.
fn late_relay() -> RelayFacts {
    RelayFacts {
        path: PathName::Client,
        span_ns: 1_000_000_000,
        cpu_ns: 0,
        connections: 10,
        refused: 0,
        reset: 0,
        bytes: 4_000,
        chunks: 40,
        delay_sum_ns: 0,
        lag: RelayLag::of(&[(9_000_000, 40)]),
        wait: None,
        stall_ns: Some(0),
        netem: Some(NetemFacts {
            loss: 0.5,
            forward: NetemLine { packets: 990, bytes: 0, dropped: 10 },
            ..NetemFacts::default()
        }),
    }
}

/// Returns the checks of a trial whose nodes do not keep together.
fn of_nodes(readings: &Series<Reading>) -> Vec<Check> {
    let node = |index: u64, scheduled: u64| NodeTrial {
        index,
        name: format!("worker-{index}"),
        scheduled,
        first_lag_ns: Some(index * 2_000_000),
        clock: NodeClock { offset_ns: 0, error_ns: index * 900_000 },
        ..NodeTrial::default()
    };
    let load = LoadFacts { nodes: vec![node(0, 290), node(1, 210)], ..LoadFacts::default() };
    let evidence = Evidence {
        arm: Arm::Direct,
        offered: Pace::constant(Rate(1_000.0)),
        connections: 10,
        load: &load,
        ledger: None,
        ledger_rule: LedgerRule::Exact,
        relays: &[],
        readings,
        target_cpus: 2.0,
        both_to_target: false,
        on_host: &[],
        peers: None,
        nodes_at: &[],
    };
    let mut checks = audit(&evidence, &Limits::default());
    checks.retain(|check| check.node.is_some());
    checks
}

/// Returns the checks of trials that together violate every rule.
fn broken() -> Vec<Check> {
    let reading = |seconds: u64| Reading {
        at: Mono(1 + seconds * 1_000_000_000),
        target: Some(TreeUsage { cpu_ns: seconds * 1_400_000_000, ..TreeUsage::default() }),
        host: HostUsage {
            busy_ns: seconds * 1_700_000_000,
            steal_ns: seconds * 200_000_000,
            total_ns: seconds * 2_000_000_000,
            throttled_ns: Some(seconds * 10_000_000),
            ..HostUsage::default()
        },
        ..Reading::default()
    };
    // The window takes one second, the readings two.
    let readings = Series(vec![reading(0), reading(2)]);
    let redirected = [IpAddr::from([127, 0, 0, 6])];
    let mut checks = Vec::new();
    for (arm, wrong, lag) in [(Arm::Direct, 1, 0), (Arm::Proxied, 1, 0), (Arm::Proxied, 1, 9), (Arm::Proxied, 0, 0)] {
        let mut load = LoadFacts {
            window_ns: 1_000_000_000,
            scheduled: 1_000,
            outcomes: Outcomes { ok: 400, wrong_body: wrong, unsent: 500, ..Outcomes::default() },
            completed_in_window: 400,
            sent_total: 401,
            mean_in_flight: 9.0,
            stalls: (lag > 0).then_some(StallTotal { span_ns: 300_000_000, requests: 300, ended_after: 0, errors: 0 }),
            ..LoadFacts::default()
        };
        let mut read_lag = ReadLag::default();
        (0..400).for_each(|_| read_lag.lags.record(Nanos::from_millis(lag)));
        load.read_lag = Some(read_lag);
        for _ in 0..400 {
            load.latencies.service.record(Nanos::from_millis(1));
            load.latencies.pacer_lag.record(Nanos::from_millis(lag));
        }
        let evidence = Evidence {
            arm,
            offered: Pace::constant(Rate(1_000.0)),
            connections: 10,
            load: &load,
            ledger: Some(Ledger { upstream_hits: 3, sent: 401, upstream_stall_ns: None }),
            ledger_rule: LedgerRule::Exact,
            relays: &[late_relay()],
            readings: &readings,
            target_cpus: 2.0,
            both_to_target: false,
            on_host: &[],
            peers: Some(&redirected),
            nodes_at: &[],
        };
        checks.extend(audit(&evidence, &Limits::default()));
    }
    checks.extend(of_nodes(&readings));
    let launch = LaunchRecord { ready_ns: Some(14_000_000), probe_gap_ns: 1_900_000, ..LaunchRecord::default() };
    checks.extend(launch_disturbances(&launch, &readings, &Limits::default()));
    checks.push(Check::new(Found::Cold { pages: 212 }, false, Blame::Host));
    checks
}

#[test]
fn the_reasons_in_the_guide_are_those_of_the_audit() {
    let guide = page("harness/docs/guides/invalid.md");
    let first = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let is_rule = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let shown: BTreeSet<String> = guide.text.lines().filter_map(first).filter(is_rule).collect();
    let checks = broken();
    let rules: BTreeSet<String> = checks.iter().map(|check| check.rule().name().to_owned()).collect();
    let failed: BTreeSet<String> =
        checks.iter().filter(|check| !check.passed).map(|check| check.rule().name().to_owned()).collect();
    assert_eq!(failed, rules, "every rule is broken once");
    assert_eq!(shown, rules);
    let text = guide.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for hint in checks.iter().filter_map(Check::hint) {
        assert!(text.contains(hint), "{hint}");
    }
    use Exit::{Interrupted, Invalid, InvalidInput, Pass, Regressed, TargetFailed, Usage};
    for exit in [Pass, InvalidInput, Regressed, Usage, TargetFailed, Invalid, Interrupted] {
        let row = format!("| {} | {} |", exit.code(), exit.word());
        assert!(guide.text.contains(&row), "{row}");
    }
}
