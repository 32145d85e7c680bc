//! Makes baselines, and a folder for them.

use std::path::{Path, PathBuf};
use std::process::Output;

use harness::baseline::{Baseline, Promoted, SCHEMA_VERSION, Store, StoredMetric};
use harness::measure::metric::{Better, Kind, Unit};
use harness::measure::{GitFacts, HostFacts, ToolFacts};
use harness_base::clock;
use serde_json::Value;

use crate::support::{Scratch, harness};

/// 2026-11-20T18:30:05Z.
pub const START: u64 = 1_795_199_405;
pub const DAY: u64 = 86_400;

/// A folder of baselines that is removed at the end of the test.
pub struct Folder(pub Scratch);

impl Folder {
    pub fn new() -> Self {
        Self(Scratch::new())
    }

    pub fn path(&self) -> &Path {
        &self.0.0
    }

    pub fn store(&self) -> Store {
        Store::new(self.path())
    }

    /// Writes a file as it is.
    pub fn write(&self, scenario: &str, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(scenario).join(format!("{name}.json"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Promotes every run.
    pub fn fill(&self, scenario: &str, name: &str, runs: Vec<Promoted>) -> PathBuf {
        for run in runs {
            self.store().promote(scenario, name, run).unwrap();
        }
        self.store().path(scenario, name).unwrap()
    }

    /// Runs `harness baseline ARGS --dir THIS`, as if outside of CI.
    pub fn command(&self, args: &[&str]) -> Shown {
        let mut command = outside_ci();
        command.arg("baseline").args(args).arg("--dir").arg(self.path());
        shown(command.output().unwrap())
    }
}

/// Returns the harness without the variables by which it knows a CI system.
pub fn outside_ci() -> std::process::Command {
    let mut command = harness();
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("GITHUB_") || name.starts_with("CI_") {
            command.env_remove(name);
        }
    }
    command
}

/// The output of a command.
#[derive(Debug)]
pub struct Shown {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn shown(output: Output) -> Shown {
    Shown {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Shown {
    /// It ended so, and said this on stderr.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {}", self.stderr);
        }
    }

    #[track_caller]
    pub fn passed(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        &self.stdout
    }
}

pub fn host() -> HostFacts {
    HostFacts {
        cpu_model: "AMD EPYC 7763".to_owned(),
        machine: Some("0123456789abcdef0123456789abcdef".to_owned()),
        cpus: 2,
        memory_bytes: 8_200_000_000,
        kernel: "6.1.0".to_owned(),
        os: "Debian GNU/Linux 12".to_owned(),
        virtualization: Some("kvm".to_owned()),
        ..HostFacts::default()
    }
}

pub fn other_host() -> HostFacts {
    HostFacts { cpus: 4, ..host() }
}

/// Returns a metric with these rounds; their median is its point.
pub fn metric(id: &str, unit: Unit, direction: Better, rounds: &[f64]) -> StoredMetric {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let point = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let rounds = rounds.to_vec();
    StoredMetric {
        id: id.to_owned(),
        unit,
        direction,
        kind: Kind::Sampled,
        source: None,
        point,
        rounds,
        direct: None,
        advisory: None,
    }
}

/// Returns the n-th run, a day after the one before: its p50 in milliseconds is `value`, six rounds around it.
pub fn run(n: u64, value: f64) -> Promoted {
    let rounds: Vec<f64> = [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0].iter().map(|step| value + step * 0.01).collect();
    Promoted {
        run_id: format!("run-{n:02}"),
        started_at: clock::rfc3339(START + n * DAY),
        promoted_at: clock::rfc3339(START + n * DAY + 600),
        git: Some(GitFacts {
            sha: format!("{n:02}23456789abcdef0123456789abcdef01234567"),
            branch: Some("main".to_owned()),
            dirty: false,
        }),
        host: host(),
        fleet: None,
        tool: ToolFacts { version: "0.1.0".to_owned(), profile: "release".to_owned() },
        program: "builtin:sidecar".to_owned(),
        program_sha256: None,
        scenario_sha256: "ab".repeat(32),
        plan_sha256: None,
        quick: false,
        overrides: Vec::new(),
        record_sha256: "cd".repeat(32),
        override_reason: None,
        reference: None,
        metrics: vec![metric("latency/p50", Unit::Millis, Better::Lower, &rounds)],
    }
}

pub fn runs(values: &[f64]) -> Vec<Promoted> {
    values.iter().enumerate().map(|(n, value)| run(n as u64, *value)).collect()
}

pub fn baseline(runs: Vec<Promoted>) -> Baseline {
    Baseline { schema_version: SCHEMA_VERSION, name: "main".to_owned(), scenario: "sidecar".to_owned(), runs }
}

/// Returns the first error, if there is one.
pub fn valid(schema: &str, instance: &Value) -> Result<(), String> {
    let first = harness::report::validate::against(schema, instance).into_iter().next();
    first.map_or(Ok(()), |fault| Err(format!("{} at {}", fault.message, fault.pointer)))
}

#[track_caller]
pub fn fits_80_columns(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        assert!(!line.ends_with(' '), "white space ends {line:?}");
    }
}
