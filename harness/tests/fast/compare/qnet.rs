//! Criterion directories and the median of the last runs, and what QNet's script lets pass.

use serde_json::json;

use super::*;

/// Writes one benchmark: twenty samples around `ns`, with what else Criterion leaves beside them.
fn bench(files: &Files, root: &str, id: &str, ns: f64, bytes: Option<u64>) {
    let name = id.replace(' ', "_");
    let throughput = bytes.map_or(json!(null), |bytes| json!({"Bytes": bytes}));
    let about = json!({"group_id": id, "function_id": null, "value_str": null, "throughput": throughput, "full_id": id,
        "directory_name": name, "title": id});
    let iters: Vec<f64> = (1..=20).map(|n| f64::from(n) * 10.0).collect();
    let times: Vec<f64> = iters.iter().enumerate().map(|(n, i)| i * ns * (0.99 + 0.001 * n as f64)).collect();
    let sample = json!({"sampling_mode": "Linear", "iters": iters, "times": times});
    let estimates = |value: f64| json!({"mean": {"point_estimate": value}}).to_string();
    let place = format!("{root}/{name}");
    files.write(&format!("{place}/new/benchmark.json"), &about.to_string());
    files.write(&format!("{place}/new/sample.json"), &sample.to_string());
    files.write(&format!("{place}/new/estimates.json"), &estimates(ns));
    // Of another run, and shares under the name of times.
    files.write(&format!("{place}/base/benchmark.json"), &about.to_string());
    files.write(&format!("{place}/base/sample.json"), &json!({"iters": [1.0], "times": [ns * 50.0]}).to_string());
    files.write(&format!("{place}/change/estimates.json"), &estimates(0.02));
}

fn judged(files: &Files, base: &str, head: &str) -> Comparison {
    one(Rule::Qnet, &files.path(base), &files.path(head))
}

fn of<'a>(comparison: &'a Comparison, id: &str, metric: &str) -> &'a harness::verdict::compare::Change {
    let changes = &comparison.pairs[0].changes;
    changes
        .iter()
        .find(|change| change.id == id && change.metric == metric)
        .unwrap_or_else(|| panic!("{comparison:#?}"))
}

#[test]
fn only_new_is_read_and_shares_are_no_times() {
    let files = Files::new();
    bench(&files, "base", "frame/encode", 1_000.0, None);
    bench(&files, "head", "frame/encode", 1_100.0, None);
    files.write("base/frame/encode/change/estimates.json", &json!({"mean": {"point_estimate": 0.001}}).to_string());
    let comparison = judged(&files, "base", "head");
    assert_eq!(finding(&comparison), FindingKind::Ok);
    let change = &comparison.pairs[0].changes[0];
    assert!((change.change_ratio.unwrap() - 0.10).abs() < 1e-9, "{change:?}");
    assert!((change.base.unwrap() - 999.5).abs() < 1e-6, "the median of 0.990 to 1.009 times 1000 ns: {change:?}");
    assert_eq!(comparison.exit, Exit::Pass);
}

#[test]
fn latency_may_rise_by_fifteen_percent_and_not_more() {
    for (ns, expected) in [(1_149.0, FindingKind::Ok), (1_150.0, FindingKind::Ok), (1_152.0, FindingKind::Block)] {
        let files = Files::new();
        bench(&files, "base", "handshake", 1_000.0, None);
        bench(&files, "head", "handshake", ns, None);
        assert_eq!(finding(&judged(&files, "base", "head")), expected, "{ns}");
    }
}

#[test]
fn throughput_is_what_the_benchmark_says_it_is_and_falls_by_ten_percent() {
    // 1.105 times as long is 9.5 % less throughput; 1.14 times is 12.3 % less.
    for (ns, expected) in [(1_105.0, FindingKind::Ok), (1_140.0, FindingKind::Block)] {
        let files = Files::new();
        bench(&files, "base", "aead/seal_1024", 1_000.0, Some(1_024));
        bench(&files, "head", "aead/seal_1024", ns, Some(1_024));
        let comparison = judged(&files, "base", "head");
        assert_eq!(of(&comparison, "aead/seal_1024", "throughput").finding, expected, "{ns}");
        assert_eq!(of(&comparison, "aead/seal_1024", "time").finding, FindingKind::Ok);
    }
}

#[test]
fn the_base_is_the_median_of_the_last_seven_runs() {
    let files = Files::new();
    // Ten runs: the three oldest are far off and do not count; one of the seven is an outlier.
    for (index, ns) in [90.0, 90.0, 90.0, 1_000.0, 1_010.0, 990.0, 5_000.0, 1_005.0, 995.0, 1_002.0].iter().enumerate()
    {
        bench(&files, &format!("runs/2026-01-{index:02}"), "handshake", *ns, None);
    }
    bench(&files, "head", "handshake", 1_140.0, None);
    let comparison = judged(&files, "runs", "head");
    assert_eq!(finding(&comparison), FindingKind::Ok);
    assert!((comparison.pairs[0].changes[0].base.unwrap() - 1_002.0 * 0.9995).abs() < 1e-6);
    assert_eq!(comparison.pairs[0].evidence.as_deref(), Some("median of the last 7 stored runs"));
    bench(&files, "head", "handshake", 1_160.0, None);
    assert_eq!(judged(&files, "runs", "head").exit, Exit::Regressed);
    let several = judged(&files, "head", "runs");
    refused(&several, Exit::InvalidInput, &["holds 10 runs; name one of them"]);
}

#[test]
fn files_in_a_folder_are_runs_too() {
    let files = Files::new();
    for (index, value) in [100, 110, 120].iter().enumerate() {
        let text = format!("[{{\"name\": \"latency/p50\", \"value\": {value}, \"unit\": \"ms\"}}]");
        files.write(&format!("runs/{index}.json"), &text);
    }
    let head = files.write("head.json", "[{\"name\": \"latency/p50\", \"value\": 130, \"unit\": \"ms\"}]");
    let comparison = one(Rule::Qnet, &files.path("runs"), &head);
    assert_eq!((finding(&comparison), comparison.pairs[0].changes[0].base), (FindingKind::Block, Some(110.0)));
    files.write("runs/1.json", "{");
    refused(&one(Rule::Qnet, &files.path("runs"), &head), Exit::InvalidInput, &["runs/1.json is not JSON"]);
}

#[test]
fn nothing_to_compare_is_never_a_pass() {
    let files = Files::new();
    bench(&files, "full", "handshake", 1_000.0, None);
    std::fs::create_dir_all(files.path("empty")).unwrap();
    refused(&judged(&files, "empty", "full"), Exit::InvalidInput, &["base: ", "empty is empty"]);
    refused(&judged(&files, "full", "empty"), Exit::InvalidInput, &["head: ", "empty is empty"]);
    refused(&judged(&files, "none", "full"), Exit::InvalidInput, &["base: ", "none does not exist"]);
    refused(&judged(&files, "full", "none"), Exit::InvalidInput, &["head: ", "none does not exist"]);
    bench(&files, "other", "stream", 1_000.0, None);
    refused(&judged(&files, "full", "other"), Exit::InvalidInput, &["nothing could be compared"]);
    bench(&files, "corrupt", "handshake", 1_000.0, None);
    files.write("corrupt/handshake/new/sample.json", "{\"iters\": [1, 2], \"times\": [1]}");
    refused(&judged(&files, "full", "corrupt"), Exit::InvalidInput, &["2 iters and 1 times"]);
    bench(&files, "zero", "handshake", 0.0, None);
    refused(&judged(&files, "zero", "full"), Exit::InvalidInput, &["handshake time p50: the base is 0 ns"]);
}

#[test]
fn the_evidence_that_was_made_of_timeouts_is_refused() {
    let files = Files::new();
    let echo = |p50: f64, p95: f64| {
        format!(
            "[{{\"name\": \"echo_p50\", \"value\": {p50}, \"unit\": \"ms\"}}, {{\"name\": \"echo_p95\", \"value\": {p95}, \"unit\": \"ms\"}}]"
        )
    };
    let single = files.compare(Rule::Qnet, &echo(1003.090, 1003.6), &echo(1003.611, 1003.9));
    refused(&single, Exit::Invalid, &["timeouts, not latencies", "1000 ms"]);
    assert_eq!(single.reasons.len(), 2);
    refused(&files.compare(Rule::Qnet, &echo(12.0, 15.0), &echo(2003.8, 2004.5)), Exit::Invalid, &["2000 ms"]);
}

#[test]
fn the_script_fails_on_what_the_old_one_passed() {
    let files = Files::new();
    bench(&files, "base", "aead/seal_1024", 1_000.0, Some(1_024));
    bench(&files, "base", "handshake", 1_000.0, None);
    bench(&files, "slow", "aead/seal_1024", 1_140.0, Some(1_024));
    bench(&files, "slow", "handshake", 1_000.0, None);
    bench(&files, "fewer", "handshake", 1_000.0, None);
    let run = |arguments: &[&str]| {
        let paths: Vec<PathBuf> = arguments.iter().map(|name| files.path(name)).collect();
        script("perf-compare.sh", &paths.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &[])
    };
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&["base", "base"]), Some(0), "{}", stdout(&run(&["base", "base"])));
    assert_eq!(code(&["base", "slow"]), Some(3));
    let fewer = run(&["base", "fewer"]);
    assert_eq!(fewer.status.code(), Some(3), "a benchmark that is gone");
    assert!(stdout(&fewer).contains("aead/seal_1024 time: missing in head"), "{}", stdout(&fewer));
    assert_eq!(code(&["none", "base"]), Some(2));
    assert_eq!(code(&["base", "none"]), Some(2));
    assert_eq!(code(&["base"]), Some(4));
}
