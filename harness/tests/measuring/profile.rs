//! `--profile`: a flame graph where perf can sample, a reason where it cannot, and the same numbers either way.

mod programs;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::alone;
use crate::support::perf::perf_works;
use crate::support::{Ran, Scratch, harness, newest, processes_naming, ran, run_command, sidecar};
use harness::measure::profile::{Profile, Stacks, Taken};
use harness::measure::{RoundStatus, StageRecord};

const STAGES: &str = "[stage.startup]\nlaunches = 2\n\
    [stage.capacity]\nrounds = 6\nvus = 2\nwarmup = \"50ms\"\nwindow = \"150ms\"\n";

/// A run and the files that it left for its profile, as path and text.
struct Profiled {
    ran: Ran,
    files: Vec<(String, String)>,
    reports: Vec<String>,
    valid: (bool, String),
}

/// Runs with `--profile`; perf is looked for in `before` first, and nowhere else where `path` is not given.
fn profiled(flags: &[&str], profile: &str, before: &Path, path: Option<&str>) -> Profiled {
    let (scratch, tmp) = (Scratch::new(), Scratch::new());
    let path = path.map_or_else(|| before.display().to_string(), |path| format!("{}:{path}", before.display()));
    let mut command = run_command(&scratch, &sidecar(flags, STAGES));
    let output = command.arg(profile).env("PATH", path).env("TMPDIR", &tmp.0).output().unwrap();
    assert!(processes_naming(&tmp.0).is_empty(), "{:#?}", processes_naming(&tmp.0));
    assert_eq!(std::fs::read_dir(&tmp.0).unwrap().count(), 0, "nothing temporary is left");
    let folder = newest(&scratch.0.join("out")).unwrap();
    let text = |path: PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let files_of = |folder: &Path| {
        let entries = std::fs::read_dir(folder.join("profile")).into_iter().flatten().flatten();
        let mut files: Vec<(String, String)> =
            entries.map(|entry| (entry.file_name().into_string().unwrap(), text(entry.path()))).collect();
        files.sort();
        files
    };
    let (files, elsewhere) = (files_of(&folder), scratch.0.join("elsewhere"));
    let again = harness().arg("report").arg(&folder).arg("--out").arg(&elsewhere).output().unwrap();
    assert_eq!(again.status.code(), output.status.code(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(files_of(&elsewhere), files, "reports that are written elsewhere find what they link to");
    let reports = ["report.html", "summary.md", "summary.txt"].map(|name| text(folder.join(name))).to_vec();
    let valid = harness().arg("validate").arg(&folder).output().unwrap();
    let valid = (valid.status.success(), String::from_utf8_lossy(&valid.stdout).into_owned());
    Profiled { ran: ran(scratch, output), files, reports, valid }
}

impl Profiled {
    fn taken(&self) -> Taken {
        match self.ran.stage("capacity").profile {
            Some(Profile::Taken(taken)) => taken,
            other => panic!("{other:?}\n{}\n{}", self.ran.stdout, self.ran.stderr),
        }
    }

    /// Checks that the reason is in every report, and that nothing else differs: every round was measured and counted.
    fn is_absent(&self, words: &[&str]) {
        self.ran.expect_code(0);
        let Some(Profile::Absent(why)) = self.ran.stage("capacity").profile else { panic!("{}", self.ran.stdout) };
        for word in words {
            assert!(why.contains(word), "{word} is not in {why}");
        }
        assert!(self.ran.shows("capacity: no profile: perf "), "{}", self.ran.stdout);
        assert!(self.reports.iter().all(|report| report.contains("no profile: perf ")), "every report contains it");
        assert_eq!(self.files, []);
        self.is_measured();
    }

    /// The profiled window is in no number: there are the trials that were asked for, and no others.
    fn is_measured(&self) {
        let stage: StageRecord = self.ran.stage("capacity");
        let rounds = &stage.instances[0].rounds;
        let rejected = rounds.iter().filter(|round| round.status == RoundStatus::Rejected).count();
        assert_eq!(rounds.len(), 7 + rejected, "a warm-up round and six that count");
        let trials: Vec<u64> =
            rounds.iter().flat_map(|round| &round.trials).map(|trial| trial.load.window_ns).collect();
        assert_eq!(trials.len(), 2 * rounds.len());
        assert!(trials.iter().all(|window| *window < 1_500_000_000), "of 150 ms and not of 2 s: {trials:?}");
        assert!(self.ran.metric("throughput/rps_2vu").is_some(), "{}", self.ran.stdout);
        assert_eq!(self.ran.stage("startup").profile, None);
        assert!(self.valid.0, "{}", self.valid.1);
    }
}

/// Returns a program in a folder of its own that stands in for perf.
fn stand_in(script: &str) -> Scratch {
    let folder = Scratch::new();
    let perf = folder.0.join("perf");
    std::fs::write(&perf, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(&perf, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn path() -> String {
    std::env::var("PATH").unwrap()
}

#[test]
fn without_perf_the_run_goes_on_and_says_what_to_install() {
    let _alone = alone();
    let empty = Scratch::new();
    let found = profiled(&[], "--profile", &empty.0, None);
    found.is_absent(&["perf is not in the PATH", "sudo apt-get install linux-perf"]);
    assert!(found.ran.stderr.contains("warning: no profile: perf is not in the PATH"), "warned before it begins");
}

#[test]
fn where_perf_is_refused_its_words_and_the_command_are_reported() {
    let _alone = alone();
    let perf = stand_in("echo 'No permission to enable cpu-clock event.' >&2\nexit 255\n");
    let found = profiled(&[], "--profile", &perf.0, Some(&path()));
    found.is_absent(&["cannot record", "exited with code 255", "No permission to enable", "perf_event_paranoid"]);
}

/// Answers as perf does: `record` writes a file after the time that `sleep` was to take, `script` prints what it read.
const ANSWERS: &str = r#"
case "$1" in
record)
    echo "$@" > arguments
    while [ "$1" != -- ]; do [ "$1" = -o ] && data=$2; shift; done
    shift; "$@"; echo samples > "$data" ;;
script)
    [ "$(cat "$3")" = samples ] || exit 7
    cat arguments >&2
    printf 'proxy 4711/4711 1.000000: cpu-clock:pppH: \n\t    55d0 innermost+0x1 (/bin/p)\n\t    55d1 outermost+0x2 (/bin/p)\n\n' ;;
esac
"#;

#[test]
fn the_output_of_perf_becomes_stacks_and_a_graph_that_the_reports_link() {
    let _alone = alone();
    let perf = stand_in(ANSWERS);
    let found = profiled(&[], "--profile=fp", &perf.0, Some(&path()));
    found.ran.expect_code(0);
    let taken = found.taken();
    assert_eq!((taken.event.as_str(), taken.samples, taken.stacks), ("cpu-clock", 1, Stacks::Fp));
    assert_eq!(taken.window_ns, 2_000_000_000);
    let [(stacks, text), (graph, drawn)] = &found.files[..] else { panic!("{:?}", found.files) };
    assert_eq!((stacks.as_str(), text.as_str()), ("capacity.folded", "proxy;outermost;innermost 1\n"));
    assert_eq!(graph, "capacity.svg");
    assert!(drawn.contains("<svg") && drawn.contains("innermost"), "{drawn}");
    let [html, markdown, text] = &found.reports[..] else { unreachable!() };
    assert!(html.contains("<a href=\"profile/capacity.svg\">"), "linked");
    assert!(markdown.contains("[profile/capacity.svg](profile/capacity.svg)"), "{markdown}");
    assert!(text.contains("profile/capacity.svg") && text.contains("this window is in no number"), "{text}");
    found.is_measured();
}

#[test]
fn a_target_that_burns_shows_what_burns() {
    let _alone = alone();
    if !perf_works("a_target_that_burns_shows_what_burns") {
        return;
    }
    let nowhere = Scratch::new();
    // A thread that hardly pauses, and a worker that is a process of its own, for 2 s at 499 samples a second.
    let flags = ["--burn", "1ms", "--worker-child", "--worker-burn", "100ms"];
    let found = profiled(&flags, "--profile", &nowhere.0, Some(&path()));
    found.ran.expect_code(0);
    let taken = found.taken();
    eprintln!("{taken:?}");
    assert_eq!(taken.stacks, Stacks::Dwarf);
    assert!(["cpu-clock", "task-clock", "cycles", "cpu-cycles"].contains(&taken.event.as_str()), "{}", taken.event);
    let stacks = &found.files[0].1;
    let count = |within: &str| -> u64 {
        let lines = stacks.lines().filter(|line| line.contains(within));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    };
    let (all, burning) = (count(""), count("clock::burn"));
    assert_eq!(all, taken.samples);
    assert!(taken.samples >= 100, "{}", taken.samples);
    assert!(2 * burning > all, "{burning} of {all} samples burn:\n{stacks}");
    // Unwound to what called it, in both processes.
    for caller in ["sidecar::proxy", "worker::work"] {
        let found = stacks.lines().any(|line| line.contains("clock::burn") && line.contains(caller));
        assert!(found, "{caller} is not above burn:\n{stacks}");
    }
    let deep = stacks.lines().filter(|line| line.contains("clock::burn")).all(|line| line.matches(';').count() >= 4);
    assert!(deep, "the callers are missing:\n{stacks}");
    found.is_measured();
}
