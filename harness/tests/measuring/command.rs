//! Stage `command` against the reference command, whose truth its flags set and its own clocks report.

use crate::alone;
use crate::support::waiting::eventually;
use crate::support::{Ran, Scratch, harness, measured, newest, processes_naming, recovered_from, run, undisturbed};
use harness::measure::{InstanceFacts, TimedRun};

/// Returns a scenario with these flags of the reference command.
fn scenario(flags: &str, stage: &str) -> String {
    let audit = "foreign_cpu = \"100%\"\nsteal = \"50%\"";
    let command = format!("[target.command]\nrun = [\"builtin:command\", {flags}]");
    format!("name = \"truth\"\n[audit]\n{audit}\n{command}\n[stage.command]\nwarmup_runs = 1\n{stage}\n")
}

/// Returns each run with one of the numbers that it reported itself. The logs of the runs are sorted by their names, and that of the warm-up
/// is the last one.
fn with_truth(ran: &Ran, key: &str) -> Vec<(TimedRun, u64)> {
    let mut runs: Vec<(String, TimedRun)> = Vec::new();
    for one in ran.stage("command").instances {
        let InstanceFacts::Command(facts) = one.facts else { panic!("{:?}", one.facts) };
        runs.push((format!("target-command-{}.log", one.index), facts.run.expect("it ended")));
    }
    runs.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(ran.truths.len(), runs.len() + 1, "{:?}", ran.truths);
    runs.into_iter().zip(&ran.truths).map(|((_, run), truth)| (run, truth[key].as_u64().expect("a number"))).collect()
}

/// Returns by how much more the harness found than the command reported, in milliseconds, for the run where it is least: other processes
/// can only add to it.
fn least_excess_ms(ran: &Ran, key: &str, of: fn(&TimedRun) -> u64) -> f64 {
    let runs = with_truth(ran, key);
    let excess = |(run, truth): &(TimedRun, u64)| {
        of(run).checked_sub(*truth).unwrap_or_else(|| panic!("{key} is {truth}, more than {run:?}")) as f64 / 1e6
    };
    runs.iter().map(excess).fold(f64::MAX, f64::min)
}

#[test]
fn wall_time_cpu_time_memory_and_bytes_are_those_of_the_command() {
    let _alone = alone();
    let flags = "\"--sleep\", \"60ms\", \"--burn\", \"40ms\", \"--allocate\", \"64MiB\", \"--write\", \"3MiB\"";
    let text = scenario(flags, "runs = 8");
    let ran = measured(&text);
    ran.expect_code(0);
    // The command cannot see its own start and end: 2 to 4 ms of about 115.
    let excess = least_excess_ms(&ran, "main_ns", |run| run.wall_ns);
    assert!(excess > 0.0 && excess < 10.0, "{excess} ms");
    let wall = ran.value("command/duration_p50");
    assert!(wall > 100.0, "{wall} ms");
    // Starting, touching and writing take 20 to 35 ms of system time in addition.
    let excess = least_excess_ms(&ran, "burnt_ns", |run| run.user_ns + run.system_ns);
    assert!(excess < 60.0, "{excess} ms of CPU time");
    assert!(ran.value("cpu/command_user") + ran.value("cpu/command_system") > 40.0);
    let peak = ran.value("memory/command_peak_rss") / f64::from(1 << 20);
    assert!((64.0..90.0).contains(&peak), "{peak} MiB");
    let written = ran.value("command/written");
    assert!((0.0..400.0).contains(&(written - f64::from(3 << 20))), "{written} bytes, with the line of the truth");
    let net = ran.value("command/duration_p50") - ran.value("command/net_p50");
    assert!(net > 0.0 && net < 20.0, "an empty program took {net} ms");
    assert_eq!(ran.value("errors/command_percent"), 0.0);
}

#[test]
fn every_fourth_run_that_fails_is_counted_and_has_no_duration() {
    let _alone = alone();
    let flags = "\"--exit-code\", \"3\", \"--every\", \"4\", \"--counter\", \"{file.counter}\"";
    let text = scenario(flags, "runs = 12\nwarmup_runs = 0").replace("warmup_runs = 1\n", "");
    let text = text.replace("[stage.command]", "inputs.counter = { size = \"0B\" }\n[stage.command]");
    let ran = undisturbed(|| run(&text));
    ran.expect_code(5);
    let stage = ran.stage("command");
    let runs = stage.instances.len();
    // Also those that are repeated run, so the failing ones are known by their place.
    let codes: Vec<bool> =
        stage.instances.iter().map(|one| format!("{:?}", one.launch.ending).contains("Code(3)")).collect();
    let expected: Vec<bool> = (1..=runs).map(|number| number.is_multiple_of(4)).collect();
    assert_eq!(codes, expected);
    let failed = stage.counted_launches().filter(|one| format!("{:?}", one.launch.ending).contains("Code(3)")).count();
    assert_eq!(ran.value("errors/command_percent"), failed as f64 / 12.0 * 100.0);
    assert!(
        ran.shows(&format!("{failed} of 12 runs failed, limit 0 %; the first exited with code 3")),
        "{}",
        ran.stdout
    );
    let metrics = ran.judgement()["metrics"].as_array().expect("metrics").clone();
    let duration = metrics.iter().find(|metric| metric["id"] == "command/duration_p50").expect("it is there");
    assert_eq!(duration["value"]["estimated"]["rounds"].as_array().map(Vec::len), Some(12 - failed));
    let text = text.replace("[audit]", "[audit]\nerrors = \"50%\"").replace("runs = 12", "runs = 6");
    let permitted = undisturbed(|| run(&text));
    permitted.expect_code(0);
}

#[test]
fn a_command_that_never_succeeds_ends_the_run_with_its_last_words() {
    let _alone = alone();
    let text = scenario("\"--nonsense\"", "");
    let ran = run(&text);
    ran.expect_code(5);
    assert!(ran.shows("no run ended with exit code 0") && ran.shows("--nonsense"), "{}", ran.stdout);
    let late = run(&scenario("\"--sleep\", \"30s\"", "time_limit = \"100ms\""));
    late.expect_code(5);
    assert!(late.shows("within 100 ms"), "{}", late.stdout);
}

/// Returns the scenario of two builds, of which the base sleeps for `base_ms`.
fn two_builds(head_ms: u64, base_ms: u64) -> String {
    let command = |ms: u64| format!("\"--sleep\", \"{ms}ms\"");
    let compare =
        format!("[compare]\ncommand = [\"builtin:command\", {}]\n[gate]\nconfirm = false\n", command(base_ms));
    scenario(&command(head_ms), "runs = 10").replace("[stage.command]", &format!("{compare}[stage.command]"))
}

fn finding(ran: &Ran, id: &str) -> serde_json::Value {
    let findings = ran.judgement()["findings"].as_array().expect("findings").clone();
    findings.into_iter().find(|finding| finding["subject"] == id).unwrap_or_else(|| panic!("{id}\n{}", ran.stdout))
}

#[test]
fn a_build_that_is_5_ms_slower_is_found_and_an_equal_one_is_not() {
    let _alone = alone();
    let (slower, equal) = (two_builds(30, 25), two_builds(25, 25));
    let shift = |text: &str| {
        let ran = measured(text);
        let weighed = finding(&ran, "command/duration_p50")["weighed"].clone();
        let number = |value: &serde_json::Value| value.as_f64().unwrap_or_else(|| panic!("{weighed}"));
        let interval = &weighed["interval"];
        (number(&weighed["difference"]), number(&interval["low"]), number(&interval["high"]), ran)
    };
    let first = shift(&slower);
    recovered_from(0.2, "5 ms", &first, || shift(&slower), |found| (found.0, 5.0));
    let (_, low, _, ran) = &first;
    assert!(*low > 0.0, "{}", ran.stdout);
    // 20 % slower: an alert, or a block where the interval reaches beyond 25 %.
    assert!([0, 3].contains(&ran.code), "{}", ran.stdout);
    // One in twenty intervals of two equal builds does not contain 0.
    let contains = |_| {
        let (_, low, high, _) = shift(&equal);
        low <= 0.0 && high >= 0.0
    };
    assert!((0..3).any(contains), "three comparisons of equal builds found a difference");
    let order: Vec<String> = ran.stage("command").instances.iter().map(|one| one.build.name().to_owned()).collect();
    assert_eq!(order[..4], ["base", "head", "head", "base"]);
}

#[test]
fn a_cold_run_reads_its_inputs_from_the_disk_and_a_warm_one_does_not() {
    let _alone = alone();
    let scratch = Scratch::new();
    let folder = scratch.0.join("inputs");
    std::fs::create_dir(&folder).unwrap();
    let text = |cache: &str| {
        let target = "[target.command]\nrun = [\"cat\", \"{file.data}\"]\ninputs.data = { size = \"8MiB\" }\n";
        let audit = "[audit]\nforeign_cpu = \"100%\"\nsteal = \"50%\"\n";
        format!(
            "name = \"cache\"\n{audit}{target}[stage.command]\nruns = 6\nwarmup_runs = 1\ncache = \"{cache}\"\noutput = \"null\"\n"
        )
    };
    let fetched = |ran: &Ran| -> Vec<u64> {
        let stage = ran.stage("command");
        let runs = stage.counted_launches().filter_map(|one| match &one.facts {
            InstanceFacts::Command(facts) => facts.run.as_ref()?.fetched_bytes,
            _ => None,
        });
        runs.collect()
    };
    let warm = measured(&text("warm"));
    warm.expect_code(0);
    assert!(fetched(&warm).iter().all(|bytes| *bytes == 0), "{:?}", fetched(&warm));
    let cold = measured(&text("cold"));
    if cold.code == 2 {
        assert!(cold.shows("cache = \"cold\" is not possible here"), "{}", cold.stdout);
        return;
    }
    cold.expect_code(0);
    assert!(fetched(&cold).iter().all(|bytes| *bytes >= 8 << 20), "{:?}", fetched(&cold));
    assert!(cold.shows("dropped"), "{}", cold.stdout);
}

#[test]
fn a_command_without_a_scenario_is_measured_in_the_current_folder() {
    let _alone = alone();
    let scratch = Scratch::new();
    std::fs::write(scratch.0.join("data"), "content").unwrap();
    let run = || {
        let mut command = harness();
        command.current_dir(&scratch.0).args(["run", "--runs", "6", "--warmup", "1", "--artifacts", "aether"]);
        command.args(["--set", "audit.foreign_cpu=100%", "--set", "audit.steal=50%", "--retry-invalid", "2"]);
        let output = command.args(["--", "cp", "data", "a {copy}"]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, stdout) = run();
    assert_eq!(code, Some(0), "{stdout}");
    for words in ["wall time   p50 ", " mean ", " ± ", "6 runs", "start, end", "of any program", "results/command/"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    assert_eq!(std::fs::read_to_string(scratch.0.join("a {copy}")).unwrap(), "content");
    let results = newest(&scratch.0.join("results")).unwrap();
    let bench = std::fs::read_to_string(results.join("aether/bench-command.json")).unwrap();
    let bench: serde_json::Value = serde_json::from_str(&bench).unwrap();
    assert!(bench["bench_id"] == "command" && bench["metric"] == "duration_ms" && bench["n"] == 6, "{bench}");
}

#[test]
fn a_killed_run_leaves_no_command_behind() {
    let _alone = alone();
    let scratch = Scratch::new();
    let file = scratch.0.join("scenario.toml");
    std::fs::write(&file, scenario("\"--sleep\", \"600s\"", "time_limit = \"1h\"")).unwrap();
    let mut running = harness()
        .args(["run", "--quiet", "--baseline", "none"])
        .arg(&file)
        .arg("--out")
        .arg(scratch.0.join("out"))
        .env("TMPDIR", &scratch.0)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let commands = || {
        let all = processes_naming(&scratch.0);
        all.into_iter()
            .filter(|(_, line)| line.contains("--sleep") && !line.contains("__stopwatch"))
            .collect::<Vec<_>>()
    };
    eventually("the command", || !commands().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    eventually("its end", || commands().is_empty());
}
