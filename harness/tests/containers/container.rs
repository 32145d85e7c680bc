//! Containers as targets: measured end to end on both networks, refused with the next command to type, and never left behind.
mod egress;
mod launching;
mod leaving;
mod profiled;
mod reloading;

use crate::docker;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::docker::{Image, docker, labelled, there_is_an_engine};
use crate::support::{Ran, Scratch, ran, run, run_command, sidecar};
use harness::measure::{Ending, ImageFacts, LaunchRecord, StageFacts, StageRecord, StageStatus};
use sha2::{Digest, Sha256};

/// A run begins by removing the leftovers of killed runs, so a test of leftovers must run alone.
pub static RUNS: RwLock<()> = RwLock::new(());

/// Waits until the test may run beside others; `None` without an engine.
fn an_engine_for(test: &str) -> Option<RwLockReadGuard<'static, ()>> {
    there_is_an_engine(test).then(|| RUNS.read().unwrap_or_else(PoisonError::into_inner))
}

const STARTUP: &str = "[stage.startup]\nlaunches = 6\n";

/// Returns the reference sidecar in a container of the host's network.
fn on_host(flags: &[&str], stages: &str) -> String {
    let process = "[target.process]\ncommand = [\"builtin:sidecar\", ";
    let scenario = sidecar(flags, stages);
    assert!(scenario.contains(process));
    // The test shows that it works on a machine that may be busy; the numbers do not matter.
    let (front, rest) = scenario.split_once("[audit]\n").unwrap();
    let (_, back) = rest.split_once("\n\n").unwrap();
    let audit = "achieved = \"1%\"\npacer_lag_p99 = \"10s\"\nforeign_cpu = \"100%\"\nsteal = \"100%\"\n\
        target_cpu = \"100%\"\nlittles_law = \"10000%\"\nprobe_gap = \"1s\"\n";
    let scenario = format!("{front}[audit]\n{audit}\n{back}");
    scenario.replace(process, "[target.container]\nbinary = \"builtin:sidecar\"\ncommand = [")
}

/// Returns the reference sidecar in a container with its own address.
fn on_bridge(flags: &[&str], stages: &str) -> String {
    let scenario = on_host(flags, stages).replace("binary = ", "network = \"bridge\"\nbinary = ");
    let listening = scenario
        .replace("\"127.0.0.1:{port.proxy}\"", "\"0.0.0.0:8080\"")
        .replace("\"127.0.0.1:{port.admin}\"", "\"0.0.0.0:8081\"");
    listening
        .replace("127.0.0.1:{port.proxy}", "{target.address}:8080")
        .replace("127.0.0.1:{port.admin}", "{target.address}:8081")
}

/// Returns everything with the label of a run.
fn left_of(run_id: &str) -> Vec<String> {
    labelled(&format!("harness.run={run_id}"))
}

fn nothing_is_left(ran: &Ran) {
    assert_eq!(left_of(&ran.record().run_id), [""; 0]);
}

fn launches(ran: &Ran, stage: &str) -> Vec<LaunchRecord> {
    ran.stage(stage).instances.into_iter().map(|instance| instance.launch).collect()
}

/// The sidecar knows by the same clock when its `main` was entered and when it listened. Were the engine's work charged to it,
/// or its process's start taken for its exec, each launch would look 30 to 200 ms longer.
fn the_exec_is_distinguished_from_the_engine(ran: &Ran, stage: &str) {
    let launches = launches(ran, stage);
    let truths: Vec<&serde_json::Value> = ran.truths.iter().collect();
    assert!(launches.len() <= truths.len(), "{} of {}", truths.len(), launches.len());
    let (mut before_main, mut starts) = (Vec::new(), Vec::new());
    for launch in launches {
        let main = |truth: &serde_json::Value| truth["main_ns"].as_u64().unwrap();
        let own = |truth: &&&serde_json::Value| main(truth) >= launch.spawned.0;
        let truth = truths.iter().filter(own).min_by_key(|truth| main(truth)).expect("its truth");
        before_main.push(main(truth) - launch.spawned.0);
        // The sidecar reads its clock after it listens, and can lose its CPU in between.
        let listening = truth["listening_ns"].as_u64().unwrap().saturating_sub(5_000_000);
        assert!(launch.spawned.0 + launch.listening_ns.unwrap() >= listening, "found before it was true");
        let engine = launch.engine.unwrap();
        assert!(engine.create_ns > 0 && engine.exec_gap_ns.is_some(), "{engine:?}");
        starts.push(engine.start_ns.unwrap());
        assert!(starts.last() > Some(&0), "{engine:?}");
        assert!(engine.pid_ns >= engine.start_ns && engine.image_id.starts_with("sha256:"), "{engine:?}");
        assert_eq!((launch.ending, launch.killed), (Some(Ending::Code(0)), false));
    }
    // However slow the machine is, the loader is quicker than the engine: 4 ms against 200 here.
    let (best, engine) = (before_main.iter().min().unwrap(), starts.iter().min().unwrap());
    assert!(*best < 25_000_000.max(engine / 4), "from exec to main {before_main:?}, the engine's starts {starts:?} ns");
}

#[test]
fn a_container_in_the_network_of_the_host_is_measured_end_to_end() {
    let Some(_others) = an_engine_for("host network") else { return };
    let stages = format!("{STARTUP}[stage.capacity]\nrounds = 6\nvus = 4\nwarmup = \"200ms\"\nwindow = \"300ms\"\n");
    let ran = run(&on_host(&[], &stages));
    ran.expect_code(0);
    assert!(ran.value("throughput/rps_4vu") > 100.0);
    assert!(launches(&ran, "capacity").iter().all(|launch| launch.network.as_deref() == Some("host")));
    the_exec_is_distinguished_from_the_engine(&ran, "startup");
    nothing_is_left(&ran);
}

#[test]
fn a_container_on_a_bridge_is_measured_at_its_own_address() {
    let Some(_others) = an_engine_for("bridge") else { return };
    let stages = format!(
        "{STARTUP}[stage.overhead]\nrounds = 6\nrate = \"300/s\"\nconnections = 4\nwarmup = \"200ms\"\nwindow = \"400ms\"\n"
    );
    let ran = run(&on_bridge(&[], &stages));
    ran.expect_code(0);
    assert!(ran.value("overhead/latency_p50").is_finite());
    let stage = ran.stage("overhead");
    assert!(stage.instances[0].launch.network.as_deref() == Some("bridge"));
    let trials: Vec<_> = stage.valid_rounds().flat_map(|round| &round.trials).collect();
    let read = |readings: &[harness::measure::Reading]| {
        readings.last().and_then(|reading| reading.target).is_some_and(|target| target.rss_bytes > 0)
    };
    assert!(trials.len() >= 12 && trials.iter().all(|trial| read(&trial.readings.0)));
    the_exec_is_distinguished_from_the_engine(&ran, "startup");
    nothing_is_left(&ran);
}

/// Checks that a run fails with this exit code and a message that contains `words`.
fn refused(scenario: &str, code: i32, words: &[&str]) -> Ran {
    let ran = run(scenario);
    ran.expect_code(code);
    for word in words {
        assert!(ran.shows(word), "{word:?} is not in:\n{}\n{}", ran.stdout, ran.stderr);
    }
    ran
}

#[test]
fn an_image_that_is_not_there_is_never_pulled() {
    let Some(_others) = an_engine_for("missing image") else { return };
    let scenario = on_host(&[], STARTUP).replace("binary = \"builtin:sidecar\"", "image = \"harness.invalid/none:1\"");
    let ran = refused(
        &scenario,
        2,
        &["harness.invalid/none:1 is not on this host", "docker pull harness.invalid/none:1", "docker load"],
    );
    nothing_is_left(&ran);
}

#[test]
fn an_image_for_other_machines_and_a_program_that_is_not_in_it_are_input_mistakes() {
    let Some(_others) = an_engine_for("wrong image") else { return };
    let image = Image::of(Path::new("/bin/sh"), "shell");
    let with = |command: &str| {
        let scenario = on_host(&[], STARTUP);
        let (front, rest) = scenario.split_once("command = [").unwrap();
        let (_, back) = rest.split_once("]\n").unwrap();
        let front = front.replace("binary = \"builtin:sidecar\"", &format!("image = \"{}\"", image.0));
        // The ports of the endpoints are not published.
        format!("{front}command = {command}\n{back}").replace("{port.proxy}", "9").replace("{port.admin}", "9")
    };
    let last_words = "[\"-c\", \"echo no license; exit 3\"]";
    refused(&with(last_words), 5, &["exited with code 3", "no license"]);
    let missing = "[\"-c\", \"read x < /etc/app.yaml\"]";
    refused(&with(missing), 5, &["/etc/app.yaml", "target.container.mounts"]);

    let host = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let foreign = crafted("foreign", "s390x", r#""Cmd":["/x"]"#);
    let scenario = with(last_words).replace(&image.0, &foreign.0);
    refused(&scenario, 2, &["is for s390x", &format!("docker pull --platform linux/{host}")]);
    let absent = crafted("absent", host, "");
    let scenario = with("[\"/app/proxy\"]").replace(&image.0, &absent.0);
    refused(&scenario, 2, &["cannot be started", "\"/app/proxy\"", "target.container.command"]);
    let scenario = with("[]").replace(&image.0, &absent.0);
    refused(&scenario, 2, &["cannot be started", "No command specified", "target.container.command"]);
}

/// Returns an image of one file: for another machine, or for this one without a program to run.
fn crafted(name: &str, architecture: &str, command: &str) -> Image {
    let folder = Scratch::new();
    let file = |name: &str| folder.0.join(name);
    let mut layer = tar::Builder::new(Vec::new());
    layer.append_path_with_name("/bin/sh", "x").unwrap();
    let layer = layer.into_inner().unwrap();
    let digest: String = Sha256::digest(&layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{{command}}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#
    );
    let image = Image(format!("harness-test-{name}-{}:1", std::process::id()));
    let manifest = format!(r#"[{{"Config":"config.json","RepoTags":["{}"],"Layers":["layer.tar"]}}]"#, image.0);
    std::fs::write(file("layer.tar"), layer).unwrap();
    std::fs::write(file("config.json"), config).unwrap();
    std::fs::write(file("manifest.json"), manifest).unwrap();
    let mut archive = tar::Builder::new(std::fs::File::create(file("image.tar")).unwrap());
    for part in ["layer.tar", "config.json", "manifest.json"] {
        archive.append_path_with_name(file(part), part).unwrap();
    }
    archive.into_inner().unwrap();
    docker::docker(&["load", "--quiet", "--input", &file("image.tar").display().to_string()]).expect("loaded");
    image
}

/// Runs `scenario` with another engine, or none.
fn with_engine(scenario: &str, host: &str, user: Option<u32>) -> Ran {
    let scratch = Scratch::new();
    let mut command = run_command(&scratch, scenario);
    command.env("DOCKER_HOST", host);
    if let Some(user) = user {
        std::os::unix::fs::chown(&scratch.0, Some(user), Some(user)).unwrap();
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    ran(scratch, output)
}

#[test]
fn a_missing_engine_is_a_matter_of_tooling_and_skips_an_optional_stage() {
    let _others = RUNS.read().unwrap_or_else(PoisonError::into_inner);
    let nowhere = "unix:///nonexistent/docker.sock";
    let ran = with_engine(&on_host(&[], STARTUP), nowhere, None);
    ran.expect_code(4);
    for words in ["no socket /nonexistent/docker.sock", "sudo systemctl start docker", "export DOCKER_HOST="] {
        assert!(ran.shows(words), "{words}\n{}\n{}", ran.stdout, ran.stderr);
    }
    let ran = with_engine(&on_host(&[], STARTUP), "tcp://127.0.0.1:1", None);
    ran.expect_code(4);
    assert!(ran.shows("DOCKER_HOST=tcp://127.0.0.1:1 is not a local socket"), "{}", ran.stdout);

    let ran = with_engine(&on_host(&[], &format!("{STARTUP}optional = true\n")), nowhere, None);
    assert_ne!(ran.code, 4, "{}", ran.stdout);
    assert!(
        matches!(&ran.stage("startup").status, StageStatus::Skipped(failure) if failure.to_string().contains("no container engine"))
    );
}

#[test]
fn a_socket_that_is_not_for_this_user_says_how_to_join() {
    let _others = RUNS.read().unwrap_or_else(PoisonError::into_inner);
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become a user without rights");
        return;
    }
    let folder = Scratch::new();
    let socket = folder.0.join("engine.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let ran = with_engine(&on_host(&[], STARTUP), &format!("unix://{}", socket.display()), Some(65_534));
    ran.expect_code(4);
    assert!(ran.shows("this user may not use") && ran.shows("usermod -aG docker"), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn the_image_of_a_container_is_weighed_as_a_pull_would_be() {
    let Some(_others) = an_engine_for("weighing") else { return };
    let image = Image::of(Path::new("/bin/sh"), "weighed");
    let scratch = Scratch::new();
    let archive = scratch.0.join("saved.tar");
    docker(&["save", "--output", &archive.display().to_string(), &image.0]).expect("saved");
    let truth = harness_image::facts(&archive).unwrap();
    let scenario =
        on_host(&[], "[stage.artifact]\n").replace("binary = \"builtin:sidecar\"", &format!("image = \"{}\"", image.0));
    let ran = run(&scenario);
    ran.expect_code(0);
    assert_eq!(image_of(&ran.stage("artifact")), Some(&truth));
    let bytes = truth.compressed_bytes.unwrap().bytes as f64;
    assert!(bytes > 100_000.0 && (ran.value("binary/docker_image_compressed") - bytes).abs() < 1.0, "{bytes}");
    assert!((ran.value("binary/docker_layers") - 1.0).abs() < f64::EPSILON);
    nothing_is_left(&ran);
}

/// Returns the image that an artifact stage looked at.
fn image_of(stage: &StageRecord) -> Option<&ImageFacts> {
    match &stage.facts {
        StageFacts::Artifact(facts) => facts.image.as_ref(),
        other => panic!("{other:?}"),
    }
}
