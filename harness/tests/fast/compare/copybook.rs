//! Receipts of copybook, and what its tools let pass.

use serde_json::{Value, json};

use super::*;

/// Returns a receipt that keeps the schema of copybook.
fn receipt() -> Value {
    json!({
        "format_version": "1.0.0", "timestamp": "2025-10-13T08:00:00Z", "commit": "0123abc", "build_profile": "release",
        "target_cpu": "native",
        "environment": {"os": "linux", "kernel": "6.1.0", "cpu_model": "EPYC", "cpu_cores": 2, "wsl2_detected": false},
        "benchmarks": [
            {"name": "decode_display", "mean_ns": 1.0e6, "bytes_processed": 1_048_576, "mean_mibps": 1000.0},
            {"name": "decode_comp3", "mean_ns": 2.0e6, "bytes_processed": 1_048_576, "mean_mibps": 500.0},
        ],
        "summary": {"display_mibps": 1000.0, "comp3_mibps": 500.0, "max_rss_mib": 40.0, "p50_mibps": 29.4},
    })
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut receipt = receipt();
    *receipt.pointer_mut(pointer).unwrap() = value;
    receipt
}

fn without(pointer: &str, key: &str) -> Value {
    let mut receipt = receipt();
    receipt.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    receipt
}

fn judged(base: &Value, head: &Value) -> Comparison {
    Files::new().compare(Rule::Default, &base.to_string(), &head.to_string())
}

#[test]
fn a_receipt_is_compared_number_by_number_in_its_own_direction() {
    let same = judged(&receipt(), &receipt());
    assert_eq!((same.exit, same.pairs[0].changes.len()), (Exit::Pass, 7), "{same:#?}");
    assert!(same.pairs[0].changes.iter().all(|change| change.finding == FindingKind::Ok));
    let slower = judged(&receipt(), &changed("/summary/display_mibps", json!(850.0)));
    let worst = &slower.pairs[0].changes[0];
    assert_eq!((worst.id.as_str(), worst.finding), ("display", FindingKind::Alert));
    assert!(worst.message.contains("15.00 % worse (1000 MiB/s → 850 MiB/s)"), "{}", worst.message);
    let faster = judged(&receipt(), &changed("/summary/display_mibps", json!(1200.0)));
    assert!(faster.pairs[0].changes.iter().any(|change| change.finding == FindingKind::Improved));
    // Two stored numbers carry no p, so that they never block by themselves.
    let halved = judged(&receipt(), &changed("/summary/display_mibps", json!(500.0)));
    assert_eq!((halved.pairs[0].changes[0].finding, halved.exit), (FindingKind::Alert, Exit::Pass));
    assert!(halved.pairs[0].changes[0].message.contains("no more than an alert: two stored numbers have no p-value"));
}

#[test]
fn the_receipt_that_its_script_writes_is_read_too() {
    let plain = json!({
        "timestamp": "2025-10-13T08:00:00Z", "commit": "0123abc", "status": "pass", "display_mibps": 205.0,
        "summary": {"display_mibps": 205.0, "comp3_mibps": 58.0, "max_rss_mib": 40.0, "host_cpu": "EPYC", "host_cores": 2},
    });
    assert_eq!(judged(&plain, &plain).pairs[0].changes.len(), 3);
}

#[test]
fn a_receipt_of_a_run_that_failed_is_refused() {
    let failed = json!({"error": "benchmark_failed"});
    refused(&judged(&receipt(), &failed), Exit::InvalidInput, &["unknown layout", "the keys error"]);
    let mut status = receipt();
    status["status"] = json!("failure");
    refused(&judged(&status, &receipt()), Exit::InvalidInput, &["base: ", "status is \"failure\""]);
    for key in ["display_mibps", "comp3_mibps", "max_rss_mib"] {
        let missing = format!("summary.{key} is missing");
        refused(&judged(&receipt(), &without("/summary", key)), Exit::InvalidInput, &[&missing]);
    }
    // One complete entry does not make up for an incomplete one.
    let incomplete = without("/benchmarks/1", "mean_mibps");
    refused(&judged(&receipt(), &incomplete), Exit::InvalidInput, &["benchmarks[1].mean_mibps is missing"]);
    let twice = changed("/benchmarks/1/name", json!("decode_display"));
    refused(&judged(&receipt(), &twice), Exit::InvalidInput, &["it contains decode_display mean_ns twice"]);
}

#[test]
fn zero_missing_and_corrupt_baselines_are_distinguished() {
    let zero = judged(&changed("/summary/display_mibps", json!(0)), &receipt());
    refused(&zero, Exit::InvalidInput, &["display display_mibps: the base is 0 MiB/s"]);
    // A memory that a script writes as the constant 0 was never measured.
    let constant = judged(&receipt(), &changed("/summary/max_rss_mib", json!(0)));
    refused(&constant, Exit::InvalidInput, &["memory max_rss_mib: the head is 0 MiB"]);
    let files = Files::new();
    let head = files.write("head.json", &receipt().to_string());
    refused(&one(Rule::Default, &files.path("none.json"), &head), Exit::InvalidInput, &["does not exist"]);
    let corrupt = files.write("corrupt.json", "{\"current\": {");
    refused(&one(Rule::Default, &corrupt, &head), Exit::InvalidInput, &["is not JSON"]);
}

#[test]
fn another_host_is_named() {
    let comparison = judged(&receipt(), &changed("/environment/cpu_model", json!("Xeon")));
    assert!(comparison.pairs[0].notes[0].contains("the hosts differ (EPYC, 2 cores; Xeon, 2 cores)"));
}

#[test]
fn a_benchmark_that_is_gone_is_not_a_pass() {
    let mut head = receipt();
    head["benchmarks"].as_array_mut().unwrap().remove(1);
    let comparison = judged(&receipt(), &head);
    let gone: Vec<&str> = comparison.pairs[0].changes.iter().take(2).map(|change| change.message.as_str()).collect();
    assert_eq!(gone, ["decode_comp3 mean_ns: missing in head", "decode_comp3 mean_mibps: missing in head"]);
    assert!(comparison.pairs[0].changes[..2].iter().all(|change| change.finding == FindingKind::Inconclusive));
}

/// Returns the receipt with this digest.
fn sealed(digest: &str) -> Value {
    let mut receipt = receipt();
    receipt["integrity"] = json!({"sha256": digest});
    receipt
}

#[test]
fn a_receipt_with_a_digest_is_held_to_it() {
    // `jq -cS 'del(.integrity)' | sha256sum`: of the line as it is, and of the line in which 1000.0 is written 1000.
    for (text, whole) in
        [(receipt().to_string(), false), (receipt().to_string().replace(".0,", ",").replace(".0}", "}"), true)]
    {
        for end in ["\n", ""] {
            let digest = <sha2::Sha256 as sha2::Digest>::digest(format!("{text}{end}"));
            let intact = sealed(&harness_base::units::hexadecimal(&digest));
            let same = judged(&intact, &intact);
            assert_eq!(same.exit, Exit::Pass, "{whole} {end:?}: {same:#?}");
            let mut tampered = intact.clone();
            tampered["summary"]["display_mibps"] = json!(1000.5);
            refused(&judged(&intact, &tampered), Exit::InvalidInput, &["head: ", "was changed after it was written"]);
            refused(&judged(&tampered, &intact), Exit::InvalidInput, &["base: ", "base.json was changed"]);
        }
    }
    refused(&judged(&sealed("beef"), &receipt()), Exit::InvalidInput, &["integrity.sha256 is beef"]);
    refused(&judged(&sealed(""), &receipt()), Exit::InvalidInput, &["was changed after it was written"]);
}
