//! `harness calibrate`: what it finds against its own record and against what is known by flags, and who quotes it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::alone;
use crate::support::waiting::eventually;
use crate::support::{Scratch, harness, newest, settled, sidecar};
use harness::measure::Arm;
use harness::measure::calibration::{Calibration, Reach, parse};
use harness::measure::trial::TrialRecord;
use harness::measure::{InstanceRecord, Record, StageRecord};
use harness::report::schema;
use harness::verdict::stored;
use harness_stats::{mean_resolution, resolution};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Limits of the audit that a busy machine does not exceed; errors, ledger and accounting stay as strict as by default.
const BUSY: [&str; 5] = [
    "audit.foreign_cpu=100%",
    "audit.steal=100%",
    "audit.littles_law=100%",
    "audit.pacer_lag_p99=1s",
    "audit.achieved=90%",
];

/// The stages that are not asked for here, as short as can be.
const SHORT: [&str; 7] = [
    "stage.pacer-200.window=100ms",
    "stage.pacer-5000.window=100ms",
    "stage.pacer-5000.rate=200/s",
    "stage.noise.rate=200/s",
    "stage.noise.window=200ms",
    "stage.ceiling.warmup=100ms",
    "stage.instances.rounds=10",
];

/// A folder with a place for a calibration.
struct Place(Scratch);

impl Place {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn file(&self) -> PathBuf {
        self.0.0.join("state/calibration.json")
    }

    fn harness(&self) -> Command {
        let mut command = harness();
        command.env("HARNESS_CALIBRATION", self.file());
        command
    }

    fn calibrate(&self, sets: &[&str]) -> Command {
        let mut command = self.harness();
        command.args(["calibrate", "--quick"]).args(BUSY.iter().chain(sets).flat_map(|set| ["--set", set]));
        command
    }

    fn found(&self) -> Calibration {
        parse(&std::fs::read_to_string(self.file()).unwrap()).unwrap()
    }

    /// Returns the record of one of its two scenarios.
    fn record(&self, scenario: &str) -> Record {
        let runs = self.0.0.join("state").join(scenario);
        let folder = std::fs::read_dir(runs).unwrap().flatten().next().unwrap().path();
        stored::open(&folder).unwrap().record
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the text without the line breaks of 80 columns.
fn flat(bytes: &[u8]) -> String {
    text(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks for exit code 0, or 6 where a part is absent.
fn ended_well(output: &Output, found: &Calibration) {
    let expected = if found.absent.is_empty() { 0 } else { 6 };
    assert_eq!(output.status.code(), Some(expected), "{}\n{}", text(&output.stdout), text(&output.stderr));
    for absent in &found.absent {
        eprintln!("absent: {}: {}", absent.part, absent.reason);
        assert!(absent.reason.starts_with("INVALID: "), "{absent:?}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

fn stage<'a>(record: &'a Record, name: &str) -> &'a StageRecord {
    record.stages.iter().find(|stage| stage.name == name).unwrap()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}, expected {expected}");
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// Compares the scatter of the instances with their record, and the resolutions with the scatter.
fn instances_agree(found: &Calibration, record: &Record) {
    let Some(scatter) = &found.instances else { return };
    let p50 = |trial: &TrialRecord| trial.load.latencies.response.quantile(0.5).unwrap().0 as f64;
    let instances = &stage(record, "instances").instances;
    let of_instance = |instance: &InstanceRecord| -> Vec<f64> {
        let rounds = instance.valid_rounds();
        rounds.map(|round| p50(round.trial(Arm::Proxied).unwrap()) - p50(round.trial(Arm::Direct).unwrap())).collect()
    };
    let differences: Vec<Vec<f64>> = instances.iter().map(of_instance).collect();
    assert!(differences.len() >= 5, "{differences:?}");
    let freedom: usize = differences.iter().map(|rounds| rounds.len() - 1).sum();
    let squares: f64 = differences.iter().map(|rounds| variance(rounds) * (rounds.len() - 1) as f64).sum();
    near(scatter.within_ns, (squares / freedom as f64).sqrt());
    let means: Vec<f64> = differences.iter().map(|rounds| rounds.iter().sum::<f64>() / rounds.len() as f64).collect();
    let share: f64 = differences.iter().map(|rounds| 1.0 / rounds.len() as f64).sum::<f64>() / means.len() as f64;
    near(scatter.between_ns, (variance(&means) - share * scatter.within_ns.powi(2)).max(0.0).sqrt());
    let least = found.noise_floor.as_ref().map_or(0.0, |floor| floor.least_ns).max(1e-3 * scatter.overhead_ns.point);
    let spans: Vec<u64> = scatter.resolves.iter().map(|resolution| resolution.measuring_ns / 1_000_000_000).collect();
    assert_eq!(spans, [10, 60, 600]);
    for shown in &scatter.resolves {
        let takes = shown.rounds * scatter.round_ns;
        assert!((0.5..1.0).contains(&(takes as f64 / shown.measuring_ns as f64)), "{shown:?} {scatter:?}");
        let (rounds, k) = (shown.rounds as f64, shown.instances as f64);
        let by_rule = match mean_resolution(shown.instances).unwrap() {
            Some(deviations) => {
                deviations * (scatter.between_ns.powi(2) + scatter.within_ns.powi(2) * k / rounds).sqrt()
            }
            None => {
                let within = resolution(shown.rounds).unwrap() * scatter.within_ns;
                (within.powi(2) + (3.241_516 * scatter.between_ns).powi(2) / k).sqrt()
            }
        };
        near(shown.overhead_ns, by_rule.max(least));
    }
}

/// Compares the file with the record, from which its values are computed again in another way.
fn agrees(found: &Calibration, place: &Place) {
    let record = &place.record("calibrate");
    instances_agree(found, &place.record("calibrate-instances"));
    assert_eq!((&found.run_id, &found.taken_at, &found.host), (&record.run_id, &record.started_at, &record.host));
    assert!(found.quick && found.overrides.len() >= BUSY.len(), "{:?}", found.overrides);
    if let Some(floor) = &found.noise_floor {
        let rounds: Vec<_> = stage(record, "noise").valid_rounds().collect();
        let p50 = |trial: &TrialRecord| trial.load.latencies.response.quantile(0.5).unwrap().0 as f64;
        let of = |arm| rounds.iter().map(move |round| p50(round.trial(arm).unwrap()));
        let difference = of(Arm::Proxied).zip(of(Arm::Direct)).map(|(one, other)| one - other);
        let differences: Vec<f64> = difference.collect();
        near(floor.difference_ns.point, median(differences.clone()));
        near(floor.scatter_ns, variance(&differences).sqrt());
        near(floor.p50_ns.point, median(of(Arm::Direct).collect()));
        assert_eq!(floor.difference_ns.n, rounds.len() as u64);
        let longer = |ns: u64| ns > 2 * floor.window_ns && ns < 60_000_000_000;
        assert!(longer(floor.round_ns), "{floor:?}");
    }
    if let Some(ceiling) = &found.ceiling {
        let trials: Vec<_> =
            stage(record, "ceiling").valid_rounds().map(|round| round.trial(Arm::Proxied).unwrap()).collect();
        let rate = |trial: &&TrialRecord| trial.load.completed_in_window as f64 * 1e9 / trial.load.window_ns as f64;
        near(ceiling.rate_per_second.point, median(trials.iter().map(rate).collect()));
        for (cost, least) in [(ceiling.generator, 1e3), (ceiling.upstream, 1e3)] {
            assert!((least..1e7).contains(&cost.cpu_ns_per_request.point), "{cost:?}");
        }
        assert!(ceiling.bound.rounds <= ceiling.bound.of && !ceiling.bound.message.is_empty(), "{ceiling:?}");
    }
    let sampler = found.sampler.unwrap();
    assert!((50_000_000..300_000_000).contains(&sampler.period_ns), "{sampler:?}");
    assert!((1e3..1e8).contains(&sampler.cpu_ns_per_reading.point), "{sampler:?}");
    for paced in &found.pacer {
        let lag = paced.lag;
        assert!(lag.p50_ns <= lag.p90_ns && lag.p90_ns <= lag.p99_ns && lag.p99_ns <= lag.max_ns, "{paced:?}");
    }
}

#[test]
fn a_quick_calibration_is_valid_agrees_with_its_record_and_is_quoted() {
    let _alone = alone();
    let place = Place::new();
    let output = place.calibrate(&[]).output().unwrap();
    let found = place.found();
    ended_well(&output, &found);
    agrees(&found, &place);
    assert!(found.noise_floor.is_some() && found.instances.is_some() && found.ceiling.is_some(), "{:?}", found.absent);
    let shown = text(&output.stdout);
    for line in [
        "\nnoise floor: direct against direct, 1,000/s on 10 connections\n",
        "\nfresh instances of the bundled sidecar, 1,000/s on 10 connections\n",
        "\nsampler\n",
        "\npacer lag\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
    let valid = place.harness().arg("validate").arg(place.file()).output().unwrap();
    assert!(text(&valid.stdout).contains("calibration.json: ok, a calibration"), "{}", text(&valid.stdout));
    quoted_where_it_was_made(&place, &found);
    refused_elsewhere(&place, found);
}

/// Runs the shortest possible scenario.
fn glance(place: &Place) -> (Output, Value) {
    let scenario = place.0.0.join("scenario.toml");
    std::fs::write(&scenario, sidecar(&[], "[stage.artifact]\n")).unwrap();
    let out = place.0.0.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let output = place.harness().args(["run", "--verbose"]).arg(&scenario).arg("--out").arg(&out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let folder = newest(&out).unwrap();
    let valid = place.harness().arg("validate").arg(&folder).output().unwrap();
    assert_eq!(valid.status.code(), Some(0), "{}", text(&valid.stdout));
    let result = std::fs::read_to_string(folder.join("result.json")).unwrap();
    (output, serde_json::from_str(&result).unwrap())
}

fn quoted_where_it_was_made(place: &Place, found: &Calibration) {
    let (output, result) = glance(place);
    assert_eq!(result["record"]["calibration"], serde_json::to_value(found).unwrap());
    let shown = flat(&output.stdout);
    assert!(shown.contains("this host resolves overheads of ±"), "{shown}");
    assert!(shown.contains(&format!("measured on {}, quick, with audit.foreign_cpu=100%", found.date())), "{shown}");
    // Ten times what generator and upstream reach, and rounds that no host resolves anything in.
    let rate = found.ceiling.as_ref().unwrap().rate_per_second.point * 10.0;
    let scenario = place.0.0.join("scenario.toml");
    std::fs::write(&scenario, sidecar(&[], &format!("[stage.overhead]\nrate = \"{rate:.0}/s\"\n"))).unwrap();
    let check = place.harness().arg("check").arg(&scenario).output().unwrap();
    assert_eq!(check.status.code(), Some(0));
    let shown = text(&check.stdout);
    assert!(shown.contains("\nhost      this host resolves overheads of ±"), "{shown}");
    let typed = shown.lines().find(|line| line.starts_with("type ")).unwrap();
    assert!(typed.contains("harness run ") && typed.contains(" --set stage.overhead.rate="), "{typed}");
    let sets = typed.split_whitespace().skip_while(|word| *word != "--set");
    let again = place.harness().arg("check").arg(&scenario).args(sets).output().unwrap();
    let shown = text(&again.stdout);
    assert!(again.status.success() && !shown.contains("\ntype "), "the proposal is enough: {shown}");
}

fn refused_elsewhere(place: &Place, mut found: Calibration) {
    found.host.cpus += 1;
    found.fingerprint = found.host.fingerprint();
    std::fs::write(place.file(), serde_json::to_string(&found).unwrap()).unwrap();
    let (output, result) = glance(place);
    let shown = flat(&output.stdout);
    assert!(shown.contains("is of another host (CPUs: ") && shown.contains("so it is not used"), "{shown}");
    assert!(!shown.contains("this host resolves"), "{shown}");
    assert_eq!(result["record"]["calibration"]["host"]["cpus"], found.host.cpus);
    let check = place.harness().arg("check").arg(place.0.0.join("scenario.toml")).output().unwrap();
    assert!(flat(&check.stdout).contains("is of another host") && !text(&check.stdout).contains("\nproposal"));
    std::fs::write(place.file(), "{\"schema_version\": 1}").unwrap();
    let (output, result) = glance(place);
    assert!(
        flat(&output.stdout).contains("cannot be used as a calibration: missing field"),
        "{}",
        text(&output.stdout)
    );
    assert!(result["record"].get("calibration").is_none(), "an unreadable calibration is not copied");
    let check = place.harness().arg("check").arg(place.0.0.join("scenario.toml")).output().unwrap();
    assert_eq!(check.status.code(), Some(0));
    assert!(flat(&check.stderr).starts_with("warning: ") && flat(&check.stderr).ends_with("harness calibrate"));
}

/// Ten users whom the upstream keeps waiting for 20 ms each get 500 answers a second between them, whatever the machine; and an
/// upstream that is slow is equally slow on both arms.
#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_known_delay_is_the_ceiling_and_no_difference() {
    let _alone = alone();
    let delayed = ["upstream.builtin.delay=20ms"];
    let sets: Vec<&str> = SHORT.iter().chain(&delayed).copied().collect();
    let mut differences = Vec::new();
    settled("ceiling with 10 users and 20 ms, as a share of 500/s", 0.85..=1.06, || {
        let place = Place::new();
        let output = place.calibrate(&sets).output().unwrap();
        let found = place.found();
        ended_well(&output, &found);
        agrees(&found, &place);
        let ceiling = found.ceiling.unwrap();
        assert_eq!((ceiling.vus, ceiling.bound.by.as_str()), (10, "upstream"), "{ceiling:?}");
        assert_eq!((ceiling.upstream.reach, ceiling.generator.reach), (Reach::Ceiling, Reach::AtLeast));
        let floor = found.noise_floor.unwrap();
        assert!((20e6..30e6).contains(&floor.p50_ns.point), "{floor:?}");
        differences.push(floor.difference_ns.point);
        ceiling.rate_per_second.point / 500.0
    });
    // A twentieth of the delay: an arm that went another way would differ by more.
    assert!(differences.iter().any(|difference| difference.abs() < 1e6), "{differences:?} ns");
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn an_invalid_value_is_absent_with_its_reason() {
    let _alone = alone();
    let place = Place::new();
    let late = [
        "stage.ceiling.window=200ms",
        "stage.noise.audit.pacer_lag_p99=1ns",
        "stage.instances.audit.pacer_lag_p99=1ns",
    ];
    let sets: Vec<&str> = SHORT.iter().chain(&late).copied().collect();
    let output = place.calibrate(&sets).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(place.file()).unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), written);
    assert!(written.get("noise_floor").is_none() && written.get("sampler").is_some(), "{written}");
    let faults = harness::report::validate::against(schema::CALIBRATION, &written);
    assert!(faults.is_empty(), "{faults:?}");
    let absent = place.found().absent;
    let parts: Vec<&str> = absent.iter().map(|absent| absent.part.as_str()).collect();
    assert!(
        parts.starts_with(&["noise floor", "scatter between instances"]) && parts.contains(&"pacer lag of stage noise"),
        "{parts:?}"
    );
    assert!(absent[0].reason.starts_with("INVALID: ") && absent[0].reason.contains("pacer lag"), "{absent:?}");
    assert!(flat(&output.stderr).contains("error: INVALID: stage instances: "), "{}", text(&output.stderr));
    let (quoted, _) = glance(&place);
    assert!(flat(&quoted.stdout).contains("the resolution of this host is unknown (INVALID: "));
}

#[test]
fn nothing_is_measured_for_a_file_that_cannot_be_written() {
    let _alone = alone();
    let place = Place::new();
    let in_the_way = place.0.0.join("file");
    std::fs::write(&in_the_way, "in the way").unwrap();
    for path in [in_the_way.join("below/calibration.json"), place.0.0.clone()] {
        let output = harness().arg("calibrate").arg("--out").arg(&path).output().unwrap();
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{shown}");
        assert!(shown.contains(&format!("error: the calibration {} cannot be written: ", path.display())), "{shown}");
        assert!(shown.contains("choose another file with --out FILE"), "{shown}");
    }
    let mut homeless = harness();
    homeless.env_remove("HARNESS_CALIBRATION").env_remove("XDG_STATE_HOME").env_remove("HOME");
    let output = homeless.arg("calibrate").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("the path of the calibration is unknown"), "{}", text(&output.stderr));
    let wrong = harness().args(["calibrate", "--set", "stage.noise.rats=1"]).arg("--out").arg(place.file()).output();
    let wrong = wrong.unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
    assert!(!place.file().parent().unwrap().exists(), "a mistake leaves no folder");
}

#[test]
fn one_that_is_stopped_leaves_the_earlier_one_alone() {
    let _alone = alone();
    let place = Place::new();
    let folder = place.file().parent().unwrap().to_owned();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(place.file(), "{}").unwrap();
    let child = place.calibrate(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = |folder: &Path| {
        let runs = std::fs::read_dir(folder.join("calibrate")).into_iter().flatten().flatten();
        runs.map(|run| run.path().join("journal.jsonl")).any(|journal| journal.exists())
    };
    eventually("a journal", || begun(&folder));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{shown}");
    assert!(shown.contains("no calibration was written; inspect it with: harness report "), "{shown}");
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), "{}");
}
