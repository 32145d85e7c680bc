//! `--profile` of programs that run to their end: the target of stage `command`, and a tool whose numbers are imported.

use std::path::Path;

use super::{ANSWERS, path, stand_in};
use crate::alone;
use crate::support::perf::perf_works;
use crate::support::{Ran, Scratch, newest, processes_naming, ran, run_command};
use harness::measure::profile::{Profile, Taken};

/// Returns a run of this scenario with `--profile`, and the stacks of a stage. perf is looked for in `before` first.
fn profiled(scenario: &str, stage: &str, before: &Path) -> (Ran, Taken, String) {
    let (scratch, tmp) = (Scratch::new(), Scratch::new());
    let mut command = run_command(&scratch, scenario);
    let path = format!("{}:{}", before.display(), path());
    let output = command.arg("--profile").env("PATH", path).env("TMPDIR", &tmp.0).output().unwrap();
    assert!(processes_naming(&tmp.0).is_empty(), "{:#?}", processes_naming(&tmp.0));
    assert_eq!(std::fs::read_dir(&tmp.0).unwrap().count(), 0, "nothing temporary is left");
    let folder = newest(&scratch.0.join("out")).unwrap();
    let stacks = std::fs::read_to_string(folder.join(format!("profile/{stage}.folded"))).unwrap_or_default();
    let ran = ran(scratch, output);
    ran.expect_code(0);
    match ran.stage(stage).profile {
        Some(Profile::Taken(taken)) => (ran, taken, stacks),
        other => panic!("{other:?}\n{}\n{}", ran.stdout, ran.stderr),
    }
}

/// Returns a scenario of the reference command with these flags.
fn command(flags: &str) -> String {
    format!(
        "name = \"p\"\n[audit]\nforeign_cpu = \"100%\"\nsteal = \"50%\"\n\
         [target.command]\nrun = [\"builtin:command\", {flags}]\n[stage.command]\nwarmup_runs = 0\nruns = 6\n"
    )
}

/// Checks that the profiled runs are in no number of the stage.
fn is_measured(ran: &Ran) {
    let stage = ran.stage("command");
    let counted = stage.counted_launches().count();
    assert_eq!(counted, 6, "{} runs", stage.instances.len());
    assert!(ran.metric("command/duration_p50").is_some());
}

#[test]
fn a_command_is_run_again_under_perf_until_it_was_sampled_for_two_seconds() {
    let _alone = alone();
    let perf = stand_in(ANSWERS);
    let (ran, taken, stacks) = profiled(&command("\"--sleep\", \"300ms\""), "command", &perf.0);
    is_measured(&ran);
    // The stand-in has one sample for each run, and each takes 0.3 s and a little.
    assert!((2..=7).contains(&taken.samples) && taken.window_ns >= 2_000_000_000, "{taken:?}");
    assert_eq!(stacks, format!("proxy;outermost;innermost {}\n", taken.samples));
    assert_eq!((taken.top[0].function.as_str(), taken.top[0].samples), ("innermost", taken.samples));
    assert!(ran.shows("command: flame graph profile/command.svg"), "{}", ran.stdout);
}

#[test]
fn a_command_that_burns_shows_what_burns() {
    let _alone = alone();
    if !perf_works("a_command_that_burns_shows_what_burns") {
        return;
    }
    let nowhere = Scratch::new();
    let (ran, taken, stacks) = profiled(&command("\"--burn\", \"400ms\""), "command", &nowhere.0);
    is_measured(&ran);
    let top = &taken.top[0];
    eprintln!("{:?}", taken.top);
    assert!(top.function.contains("clock::burn") || top.function.contains("thread_cpu"), "{top:?}");
    let burning = stacks.lines().filter(|line| line.contains("clock::burn"));
    let burning: u64 = burning.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert!(2 * burning > taken.samples, "{burning} of {} samples burn:\n{stacks}", taken.samples);
}

#[test]
fn a_tool_whose_numbers_are_imported_is_run_again_under_perf() {
    let _alone = alone();
    let (perf, work) = (stand_in(ANSWERS), Scratch::new());
    let tool = format!("sleep 0.6; echo . >> {0}/runs; echo '{{\"blocks\": 7}}' > {0}/heap.json", work.0.display());
    let scenario = format!(
        "name = \"p\"\n[target.command]\nrun = [\"/bin/true\"]\n[import.json]\nrun = [\"sh\", \"-c\", {tool:?}]\n\
         names = {{ \"{}/heap.json#/blocks\" = \"import/count@allocations\" }}\n",
        work.0.display()
    );
    let (ran, taken, _) = profiled(&scenario, "allocations", &perf.0);
    let runs = std::fs::read_to_string(work.0.join("runs")).unwrap().lines().count() as u64;
    assert_eq!(taken.samples + 1, runs, "one run is read, the others are profiled");
    assert_eq!(ran.value("import/count@allocations"), 7.0);
}
