//! `--profile` of a container: perf samples its processes from the host.

use super::{an_engine_for, nothing_is_left, on_host};
use crate::support::perf::perf_works;
use crate::support::{Scratch, newest, ran, run_command};
use harness::measure::profile::Profile;

#[test]
fn the_processes_of_a_container_are_sampled_from_the_host() {
    let Some(_others) = an_engine_for("profile") else { return };
    if !perf_works("the_processes_of_a_container_are_sampled_from_the_host") {
        return;
    }
    let stages = "[stage.capacity]\nrounds = 6\nvus = 2\nwarmup = \"50ms\"\nwindow = \"150ms\"\n";
    let scratch = Scratch::new();
    let output = run_command(&scratch, &on_host(&["--burn", "1ms"], stages)).arg("--profile").output().unwrap();
    let folder = newest(&scratch.0.join("out")).unwrap();
    let stacks = std::fs::read_to_string(folder.join("profile/capacity.folded")).unwrap_or_default();
    let ran = ran(scratch, output);
    ran.expect_code(0);
    let Some(Profile::Taken(taken)) = ran.stage("capacity").profile else { panic!("{}\n{}", ran.stdout, ran.stderr) };
    let burning = stacks.lines().filter(|line| line.contains("clock::burn"));
    let burning: u64 = burning.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert!(2 * burning > taken.samples, "{burning} of {} samples burn:\n{stacks}", taken.samples);
    nothing_is_left(&ran);
}
