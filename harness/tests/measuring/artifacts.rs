//! Checks the files of a real run, `harness validate` on them, and numbers that Criterion measured as part of it.

use crate::alone;
use crate::support;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

use crate::support::{Scratch, harness, newest};
use serde_json::{Value, json};

/// Writes one benchmark of Criterion: `times` are nanoseconds per iteration, each sample of `iterations`.
fn bench(root: &Path, id: &str, times: &[f64], iterations: u64) -> PathBuf {
    let place = root.join(id).join("new");
    std::fs::create_dir_all(&place).unwrap();
    let about = json!({"group_id": id, "function_id": null, "value_str": null, "throughput": null, "full_id": id,
        "directory_name": id, "title": id});
    let iters = vec![iterations as f64; times.len()];
    let totals: Vec<f64> = times.iter().map(|time| time * iterations as f64).collect();
    std::fs::write(place.join("benchmark.json"), about.to_string()).unwrap();
    let sample = place.join("sample.json");
    std::fs::write(&sample, json!({"sampling_mode": "Flat", "iters": iters, "times": totals}).to_string()).unwrap();
    // Of another run, and a share under the name of a time: neither may be read.
    for (folder, ns) in [("base", 9e9), ("change", 0.02)] {
        let other = root.join(id).join(folder);
        std::fs::create_dir_all(&other).unwrap();
        std::fs::write(other.join("sample.json"), json!({"iters": [1.0], "times": [ns]}).to_string()).unwrap();
        let estimates = json!({"mean": {"point_estimate": ns}, "median": {"point_estimate": ns}});
        std::fs::write(other.join("estimates.json"), estimates.to_string()).unwrap();
    }
    sample
}

/// Returns 1 µs to 101 µs.
fn ramp() -> Vec<f64> {
    (1..=101).map(|step| f64::from(step) * 1e3).collect()
}

const IMPORT: &str = r#"
[import.criterion]
dir = "criterion"
names = { "policy/eval_v2" = "policy/eval", "policy/reload" = "policy/reload_time" }
"#;

/// Returns a scratch folder with a Criterion directory and a scenario of `stages` that imports it.
fn scenario(stages: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    bench(&scratch.0.join("criterion"), "policy/eval_v2", &ramp(), 1);
    bench(&scratch.0.join("criterion"), "policy/reload", &[2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6], 50);
    let file = scratch.0.join("scenario.toml");
    std::fs::write(&file, support::sidecar(&[], stages)).unwrap();
    (scratch, file)
}

fn run(scratch: &Scratch, file: &Path, more: &[&str]) -> Output {
    harness().args(["run", "--verbose"]).arg(file).args(more).arg("--out").arg(scratch.0.join("out")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn validate(files: &[&Path]) -> (Option<i32>, String) {
    let output = harness().arg("validate").args(files).output().unwrap();
    (output.status.code(), text(&output.stdout))
}

#[test]
fn every_artifact_of_a_real_run_is_valid() {
    let _alone = alone();
    let stages = format!(
        "{IMPORT}[stage.artifact]\n[stage.startup]\n[stage.idle]\n[stage.overhead]\nrate = \"200/s\"\n[stage.capacity]\nvus = 2\n"
    );
    let (scratch, file) = scenario(&stages);
    let output = run(&scratch, &file, &["--quick", "--artifacts", "all"]);
    let folder = newest(&scratch.0.join("out")).unwrap();
    // On a busy machine a stage may be invalid; its artifacts are to be valid all the same.
    assert!(matches!(output.status.code(), Some(0 | 6)), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let (code, shown) = validate(&[&folder, &file]);
    assert_eq!(code, Some(0), "{shown}");
    for name in [
        "result.json: ok, a result of `harness run`",
        "journal.jsonl: ok, the journal of a run",
        "verdict.json: ok, a verdict",
        "bench_metrics.json: ok, Bencher Metric Format",
        "bench_metrics.flat.json: ok, a flat array",
        "perf.json: ok, a receipt",
        "aether/bench-startup-to_ready.json: ok, Aether bench JSON",
        "scenario.toml: ok, a scenario",
    ] {
        assert!(shown.contains(name), "{name} is not in\n{shown}");
    }
    let files = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let json =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl"));
    let names: Vec<String> = json.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|name| shown.contains(&format!("/{name}: ok"))), "{names:?} in\n{shown}");
}

#[test]
fn numbers_of_criterion_are_part_of_the_run() {
    let _alone = alone();
    let (scratch, file) = scenario(&format!(
        "{IMPORT}[stage.artifact]\n[targets]\n\"policy/eval_p50\" = {{ limit = \"< 100us\" }}\n\"policy/eval_p99\" = {{ limit = \"< 500us\" }}\n"
    ));
    let output = run(&scratch, &file, &[]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let folder = newest(&scratch.0.join("out")).unwrap();
    let flat = json_of(&folder.join("bench_metrics.flat.json"));
    let value = |id: &str| {
        let entry =
            flat.as_array().unwrap().iter().find(|entry| entry["name"] == id).unwrap_or_else(|| panic!("{flat}"));
        (entry["value"].as_f64().unwrap(), entry["unit"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("policy/eval_p50"), (51.0, "µs".to_owned()));
    assert_eq!(value("policy/eval_p99"), (100.0, "µs".to_owned()));
    assert_eq!(value("policy/reload_time"), (5.0, "ms".to_owned()));
    let bencher = json_of(&folder.join("bench_metrics.json"));
    assert_eq!(bencher["policy/eval_p50"]["latency"]["value"], json!(51_000.0), "nanoseconds");
    assert_eq!(bencher["policy/eval_p99"]["latency-tail"]["value"], json!(100_000.0));
    let stage = &json_of(&folder.join("result.json"))["record"]["stages"][0];
    let import = &stage["facts"]["imports"][0];
    assert_eq!(
        (&import["bench"], &import["samples"], &import["iterations"]),
        (&json!("policy/eval_v2"), &json!(101), &json!(1))
    );
    assert_eq!(import["source"], "criterion/policy/eval_v2/new/sample.json", "no path of this machine");
    let sample = std::fs::read(scratch.0.join("criterion/policy/eval_v2/new/sample.json")).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&sample);
    assert_eq!(import["sha256"], harness_base::units::hexadecimal(&digest));
    let verdict = json_of(&folder.join("verdict.json"));
    let state = |id: &str| {
        let targets = verdict["targets"].as_array().unwrap();
        targets.iter().find(|target| target["metric"] == id).unwrap()["state"].clone()
    };
    assert_eq!((state("policy/eval_p50"), state("policy/eval_p99")), (json!("met"), json!("undecided")));
}

#[test]
fn numbers_of_any_name_have_their_values_and_their_claims() {
    let _alone = alone();
    let numbers = r#"
[import.criterion]
dir = "criterion"
throughput = true
names = { "aead/1k" = "import/time@aead" }
[import.json]
names = { "heap.json#/blocks/total" = "import/count@allocations", "heap.json#/peak" = "import/size@allocations", "heap.json#/times" = "import/time@parse" }
[targets]
"throughput/import_mbs@aead" = { limit = "> 1000MB/s" }
"import/count@allocations" = { limit = "< 12" }
"#;
    let (scratch, file) = scenario(&format!("[stage.artifact]\n{numbers}"));
    // 1,024 bytes in 512 ns are 2,000 MB/s.
    bench(&scratch.0.join("criterion"), "aead/1k", &[512.0; 20], 1_000);
    let about = scratch.0.join("criterion/aead/1k/new/benchmark.json");
    let mut described = json_of(&about);
    described["throughput"] = json!({ "Bytes": 1_024 });
    std::fs::write(&about, described.to_string()).unwrap();
    std::fs::write(
        scratch.0.join("heap.json"),
        r#"{"blocks": {"total": 12}, "peak": 200, "times": [1, 3, 2, 5, 4, 6, 7]}"#,
    )
    .unwrap();
    let output = run(&scratch, &file, &["--format", "json"]);
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    let metrics = verdict["metrics"].as_array().unwrap();
    let point = |id: &str| {
        let metric = metrics.iter().find(|metric| metric["id"] == id).unwrap_or_else(|| panic!("{id} is missing"));
        metric["value"].as_f64().unwrap_or_else(|| panic!("{metric}"))
    };
    assert!((point("throughput/import_mbs@aead") - 2_000.0).abs() < 1e-6);
    assert!((point("import/time@aead") - 0.512).abs() < 1e-9);
    assert_eq!((point("import/count@allocations"), point("import/size@allocations")), (12.0, 200.0));
    assert_eq!(point("import/time@parse"), 4.0);
    let state = |id: &str| {
        let targets = verdict["targets"].as_array().unwrap();
        targets.iter().find(|target| target["metric"] == id).unwrap()["state"].clone()
    };
    assert_eq!(state("throughput/import_mbs@aead"), json!("met"));
    assert_eq!(state("import/count@allocations"), json!("not_met"), "12 are not fewer than 12");
}

#[test]
fn a_file_that_is_not_regular_is_refused_at_once() {
    let _alone = alone();
    let import = "[import.json]\nnames = { \"heap.json#/blocks\" = \"import/count@allocations\" }\n";
    let (scratch, file) = scenario(&format!("{import}[stage.artifact]\n"));
    nix::unistd::mkfifo(&scratch.0.join("heap.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let output = run(&scratch, &file, &[]);
    let shown = support::ran(scratch, output);
    shown.expect_code(2);
    assert!(shown.shows("heap.json is not a regular file"), "{}", shown.stdout);
}

#[test]
fn a_tool_that_writes_the_numbers_is_run_first_and_has_to_write_them() {
    let _alone = alone();
    for (tool, expected) in [
        ("[\"cp\", \"made.json\", \"heap.json\"]", None),
        ("[\"true\"]", Some("heap.json is too old")),
        ("[\"false\"]", Some("import.run: false exited with code 1")),
        ("[\"no-such-tool\"]", Some("no-such-tool")),
        ("[\"sleep\", \"60\"]", Some("did not end within")),
    ] {
        let import = format!(
            "[import.json]\nrun = {tool}\ntime_limit = \"1s\"\nnames = {{ \"heap.json#/blocks\" = \"import/count@allocations\" }}\n"
        );
        let (scratch, file) = scenario(&format!("{import}[stage.artifact]\n"));
        std::fs::write(scratch.0.join("made.json"), "{\"blocks\": 7}").unwrap();
        std::fs::write(scratch.0.join("heap.json"), "{\"blocks\": 9}").unwrap();
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(scratch.0.join("heap.json")).unwrap().set_modified(earlier).unwrap();
        let output = run(&scratch, &file, &[]);
        let shown = support::ran(scratch, output);
        match expected {
            None => {
                shown.expect_code(0);
                assert!(shown.shows("7"), "{}", shown.stdout);
            }
            Some(message) => {
                shown.expect_code(2);
                assert!(shown.shows(message), "{message} is not in\n{}", shown.stdout);
            }
        }
    }
}

#[test]
fn a_tail_of_batches_is_advisory_and_gates_nothing() {
    let _alone = alone();
    let (scratch, file) = scenario(&format!("{IMPORT}[stage.artifact]\n"));
    let root = scratch.0.join("criterion");
    for (times, iterations, why) in
        [(ramp(), 1_000, "the mean of up to 1000 iterations"), (ramp()[..50].to_vec(), 1, "50 samples, 100 needed")]
    {
        bench(&root, "policy/eval_v2", &times, iterations);
        let output = run(&scratch, &file, &["--format", "json"]);
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        let metrics = verdict["metrics"].as_array().unwrap();
        let p99 = metrics.iter().find(|metric| metric["id"] == "policy/eval_p99").unwrap();
        assert!(p99["advisory"].as_str().unwrap().contains(why), "{p99}");
        let _ = std::fs::remove_dir_all(scratch.0.join("out"));
    }
}

#[test]
fn a_failed_import_ends_the_run_before_it_measures() {
    let _alone = alone();
    let stages = format!("{IMPORT}[stage.artifact]\n[stage.startup]\n");
    type Damage = fn(&Path);
    let cases: [(Damage, &str); 5] = [
        (|root| std::fs::remove_dir_all(root).unwrap(), "criterion does not exist"),
        (
            |root| std::fs::remove_dir_all(root.join("policy/reload")).unwrap(),
            "has no benchmark policy/reload (did you mean policy/eval_v2?)",
        ),
        (
            |root| {
                std::fs::write(root.join("policy/reload/new/sample.json"), "{\"iters\": [1], \"times\": []}").unwrap()
            },
            "1 iters and 0 times",
        ),
        (age, "is too old: policy/eval_v2 was measured 2"),
        (|root| drop(bench(root, "policy/eval_v2", &[1e9; 100], 1)), "contains timeouts, not latencies"),
    ];
    for (damage, message) in cases {
        let (scratch, file) = scenario(&stages);
        damage(&scratch.0.join("criterion"));
        let output = run(&scratch, &file, &[]);
        let shown = support::ran(scratch, output);
        let timeouts = message.contains("timeouts");
        shown.expect_code(if timeouts { 6 } else { 2 });
        assert!(shown.shows(message), "{message} is not in\n{}", shown.stdout);
        assert!(shown.record().stages.iter().all(|stage| stage.name != "startup"), "nothing was measured for nothing");
    }
}

/// Makes a benchmark two days old.
fn age(root: &Path) {
    let file = std::fs::File::options().append(true).open(root.join("policy/eval_v2/new/sample.json")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(48 * 3600)).unwrap();
}

#[test]
fn an_optional_import_is_left_out_with_its_reason() {
    let _alone = alone();
    let import = IMPORT.replace("dir = ", "optional = true\ndir = ");
    let (scratch, file) = scenario(&format!("{import}[stage.artifact]\n"));
    std::fs::remove_dir_all(scratch.0.join("criterion")).unwrap();
    let output = run(&scratch, &file, &[]);
    let ran = support::ran(scratch, output);
    ran.expect_code(0);
    assert!(ran.shows("criterion does not exist"), "{}", ran.stdout);
    assert_eq!(ran.metric("policy/eval_p50"), None);
}

#[test]
fn every_file_is_looked_at_before_it_ends() {
    let _alone = alone();
    let scratch = Scratch::new();
    let write = |name: &str, text: &str| {
        std::fs::write(scratch.0.join(name), text).unwrap();
        scratch.0.join(name)
    };
    let good = write("good.json", r#"[{"name": "latency/p50", "value": 1, "unit": "ms"}]"#);
    let bad = write("bad.json", r#"[{"name": "latency/p50", "value": null, "unit": "ms"}]"#);
    let what = write("what.json", "{\"version\": 3}");
    let scenario = write("scenario.toml", "name = \"x\"\n[stage.overhaed]\n");
    let (code, shown) = validate(&[&bad, &what, &scenario, &scratch.0.join("none.json"), &good]);
    assert_eq!(code, Some(2), "{shown}");
    for part in [
        "bad.json: not valid as a flat array\n  /0/value: ",
        "what.json: not valid\n  its kind is unknown: it is an object with the keys version; name its kind with `--kind KIND`",
        "scenario.toml: not valid as a scenario\n",
        "did you mean [stage.overhead]?",
        "none.json does not exist",
        "good.json: ok, a flat array\n",
        "4 of 5 files not valid\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert_eq!(validate(&[&good]), (Some(0), format!("{}: ok, a flat array\n1 file valid\n", good.display())));
    let forced = harness().arg("validate").arg(&good).args(["--kind", "aether"]).output().unwrap();
    assert_eq!(forced.status.code(), Some(2), "{}", text(&forced.stdout));
    let odd = harness().arg("validate").arg(&good).args(["--kind", "poem"]).output().unwrap();
    assert_eq!(odd.status.code(), Some(4));
    let root = scratch.0.join("criterion");
    bench(&root, "policy/eval_v2", &ramp(), 1);
    assert_eq!(validate(&[&root]), (Some(0), format!("{}: ok, a Criterion directory\n1 file valid\n", root.display())));
    std::fs::write(root.join("policy/eval_v2/new/sample.json"), "{}").unwrap();
    assert!(validate(&[&root]).1.contains("sample.json has no array iters"));
    std::fs::create_dir_all(scratch.0.join("empty")).unwrap();
    assert!(validate(&[&scratch.0.join("empty")]).1.contains("neither a run nor a Criterion directory"));
}
