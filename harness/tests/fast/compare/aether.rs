//! Aether's matrix T1 to T10, and what its shell script lets pass.

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fast/compare/aether").join(name)
}

fn judged(base: &str, head: &str) -> Comparison {
    one(Rule::Aether, &fixture(base), &fixture(head))
}

fn check(files: &[&str], environment: &[(&str, &str)]) -> Output {
    let paths: Vec<PathBuf> = files.iter().map(|name| fixture(name)).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    script("check-bench-regression.sh", &paths, environment)
}

/// Aether's layout with one field replaced by this JSON.
fn pack_with(key: &str, json: &str) -> String {
    let fields = [
        ("bench_id", "\"packaging\""),
        ("metric", "\"duration_ms\""),
        ("unit", "\"ms\""),
        ("p50", "120.0"),
        ("p95", "150.0"),
        ("n", "20"),
        ("timestamp", "\"2025-10-13T08:00:00Z\""),
    ];
    let known = fields.iter().any(|(name, _)| *name == key);
    let field = |(name, value): (&str, &str)| format!("\"{name}\": {}", if name == key { json } else { value });
    let mut fields: Vec<String> = fields.into_iter().map(field).collect();
    fields.extend((!known && !key.is_empty()).then(|| format!("\"{key}\": {json}")));
    format!("{{{}}}", fields.join(", "))
}

#[test]
fn t6_t7_durations_are_judged_by_p95_and_exactly_twenty_percent_passes() {
    for (head, expected, words) in [
        ("current_pack_better.json", FindingKind::Ok, "p95: 20.00 % better (150 ms → 120 ms)"),
        ("current_pack_plus10.json", FindingKind::Ok, "p95: 10.00 % worse (150 ms → 165 ms), within the limit of 20 %"),
        ("current_pack_plus20.json", FindingKind::Ok, "p95: 20.00 % worse (150 ms → 180 ms), within the limit of 20 %"),
        (
            "current_pack_plus25.json",
            FindingKind::Block,
            "p95: 25.00 % worse (150 ms → 187.5 ms), beyond the limit of 20 %",
        ),
    ] {
        let comparison = judged("baseline_pack.json", head);
        assert_eq!(finding(&comparison), expected, "{head}");
        let message = &comparison.pairs[0].changes[0].message;
        assert!(message.starts_with("packaging duration_ms ") && message.contains(words), "{message}");
        assert_eq!(comparison.exit, if expected == FindingKind::Block { Exit::Regressed } else { Exit::Pass });
    }
}

#[test]
fn throughput_is_judged_by_p50_downwards() {
    for (head, expected) in [
        ("current_stream_better.json", FindingKind::Improved),
        ("current_stream_minus10.json", FindingKind::Ok),
        ("current_stream_minus20.json", FindingKind::Ok),
        // Its p95, which for a throughput is nearly the best sample, is better than that of the baseline.
        ("current_stream_minus25.json", FindingKind::Block),
    ] {
        assert_eq!(finding(&judged("baseline_stream.json", head)), expected, "{head}");
    }
    let swapped = judged("current_stream_minus25.json", "baseline_stream.json");
    assert_eq!(finding(&swapped), FindingKind::Improved);
}

#[test]
fn a_worse_head_never_gets_a_milder_finding() {
    let files = Files::new();
    let rank = |p95: u32| {
        let head = pack_with("p95", &(f64::from(p95) / 10.0).to_string());
        finding(&files.compare(Rule::Aether, &pack_with("", ""), &head)).rank()
    };
    let ranks: Vec<usize> = (1_200..2_400).step_by(7).map(rank).collect();
    let serious = |rank: &usize| usize::from(*rank == FindingKind::Block.rank());
    assert!(ranks.is_sorted_by_key(serious), "{ranks:?}");
    assert!(ranks.contains(&FindingKind::Block.rank()) && ranks.contains(&FindingKind::Ok.rank()));
}

#[test]
fn t1_a_file_that_breaks_the_schema_is_refused_with_the_field() {
    let files = Files::new();
    for (key, json, message) in [
        ("p95", "\"150.0\"", "p95 is the text \"150.0\", expected a number"),
        ("p95", "null", "p95 is null, expected a number"),
        ("p95", "NaN", "is not JSON"),
        ("p95", "1e999", "is not JSON"),
        ("p95", "100.0", "p95 (100) is below p50 (120)"),
        ("n", "0", "n is 0, expected a whole number from 1"),
        ("n", "1.5", "n is 1.5, expected a whole number from 1"),
        ("metric", "\"latency\"", "metric is \"latency\", expected duration_ms or throughput_mbs"),
        ("unit", "\"s\"", "unit is \"s\", but duration_ms needs ms"),
        ("timestamp", "\"never\"", "timestamp is \"never\""),
        ("bench_id", "\"\"", "bench_id is the text \"\""),
        ("notes", "7", "notes is 7, expected a text"),
        ("p99", "7", "p99 is unknown"),
        ("p50", "120.0, \"p50\": 1", "the key \"p50\" is given twice"),
    ] {
        let broken = pack_with(key, json);
        let comparison = files.compare(Rule::Aether, &pack_with("", ""), &broken);
        refused(&comparison, Exit::InvalidInput, &["head: ", "head.json", message]);
        let comparison = files.compare(Rule::Aether, &broken, &pack_with("", ""));
        refused(&comparison, Exit::InvalidInput, &["base: ", "base.json", message]);
    }
    refused(
        &judged("baseline_pack.json", "current_pack_without_p95.json"),
        Exit::InvalidInput,
        &["p95 is missing", "Aether"],
    );
    refused(&judged("baseline_pack.json", "current_pack_cut.json"), Exit::InvalidInput, &["is not JSON", "column"]);
}

#[test]
fn an_exponent_is_part_of_the_number() {
    let comparison = judged("baseline_pack.json", "current_pack_exponent.json");
    assert_eq!(finding(&comparison), FindingKind::Block);
    assert_eq!(comparison.pairs[0].changes[0].head, Some(1.5e9));
}

#[test]
fn text_that_only_holds_the_keys_is_no_file() {
    let files = Files::new();
    let text = "\"bench_id\": \"packaging\" \"p50\": 1 \"p95\": 2";
    refused(&files.compare(Rule::Aether, &pack_with("", ""), text), Exit::InvalidInput, &["is not JSON"]);
    // Neither an empty object nor an empty file is a regression.
    refused(&files.compare(Rule::Aether, &pack_with("", ""), "{}"), Exit::InvalidInput, &["an empty object"]);
    refused(&files.compare(Rule::Aether, &pack_with("", ""), " \n"), Exit::InvalidInput, &["is empty"]);
}

#[test]
fn t9_missing_corrupt_and_zero_are_three_different_answers() {
    let missing = judged("no_such_baseline.json", "current_pack_plus10.json");
    refused(&missing, Exit::InvalidInput, &["base: ", "no_such_baseline.json does not exist"]);
    let corrupt = judged("current_pack_cut.json", "current_pack_plus10.json");
    refused(&corrupt, Exit::InvalidInput, &["base: ", "is not JSON"]);
    let zero = judged("baseline_pack_zero.json", "current_pack_plus10.json");
    refused(&zero, Exit::InvalidInput, &["packaging duration_ms p95: the base is 0 ms", "nothing was measured"]);
    let negative = judged("baseline_pack_negative.json", "current_pack_plus10.json");
    refused(&negative, Exit::InvalidInput, &["the base is -1 ms"]);
    let gone = judged("no_such_baseline.json", "no_such_current.json");
    assert_eq!(gone.reasons.len(), 2, "both missing files are named: {:?}", gone.reasons);
}

#[test]
fn t5_a_throughput_of_zero_was_never_measured() {
    let files = Files::new();
    let stream =
        |p50: &str| pack_with("p50", p50).replace("duration_ms", "throughput_mbs").replace("\"ms\"", "\"MB/s\"");
    let stopped = files.compare(Rule::Aether, &stream("120.0"), &stream("0"));
    refused(
        &stopped,
        Exit::InvalidInput,
        &["packaging throughput_mbs p50: the head is 0 MB/s", "nothing was measured"],
    );
    let began = files.compare(Rule::Aether, &stream("0"), &stream("120.0"));
    refused(&began, Exit::InvalidInput, &["the base is 0 MB/s"]);
}

#[test]
fn files_that_do_not_belong_together_are_never_ok() {
    let other = judged("baseline_pack.json", "current_pack_other_id.json");
    assert_eq!(finding(&other), FindingKind::Inconclusive);
    let ids = "the ids differ: packaging duration_ms in base, unpacking duration_ms in head";
    refused(&other, Exit::InvalidInput, &["nothing could be compared", ids]);
    let stream = judged("baseline_pack.json", "current_stream_better.json");
    refused(&stream, Exit::InvalidInput, &["the ids differ", "streaming throughput_mbs in head"]);
}

#[test]
fn timeouts_are_no_latencies() {
    let comparison = judged("baseline_pack.json", "current_pack_timeouts.json");
    refused(&comparison, Exit::Invalid, &["timeouts, not latencies", "the full timeout of 1000 ms"]);
    let both = judged("current_pack_timeouts.json", "current_pack_timeouts.json");
    assert_eq!(
        (both.exit, both.reasons.len()),
        (Exit::Invalid, 2),
        "two sides of timeouts do not agree, they are refused"
    );
}

#[test]
fn t10_every_pair_is_reported_and_the_worst_decides() {
    let output = check(
        &[
            "baseline_pack.json",
            "current_pack_plus25.json",
            "baseline_stream.json",
            "current_stream_better.json",
            "baseline_pack.json",
            "current_pack_plus10.json",
        ],
        &[],
    );
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.starts_with("REGRESSED: packaging duration_ms p95: 25.00 % worse"), "{text}");
    for part in ["  block        packaging", "  improved     streaming", "  ok           packaging"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80 || !line.contains(' ') || line.contains('/')), "{text}");
    let malformed =
        check(&["baseline_pack.json", "current_pack_cut.json", "baseline_pack.json", "current_pack_plus25.json"], &[]);
    let text = stdout(&malformed);
    assert_eq!(malformed.status.code(), Some(2), "malformed is more urgent than regressed: {text}");
    assert!(text.contains("is not JSON") && text.contains("  block        packaging"), "{text}");
}

#[test]
fn t8_warnings_are_for_github_only() {
    let files = ["baseline_pack.json", "current_pack_plus25.json"];
    let plain = stdout(&check(&files, &[]));
    assert!(!plain.contains("::warning::"), "{plain}");
    let on_github = stdout(&check(&files, &[("GITHUB_ACTIONS", "true")]));
    let line = on_github.lines().find(|line| line.starts_with("::warning::")).unwrap_or_default();
    assert!(line.contains("packaging duration_ms p95: 25.00 %25 worse (150 ms → 187.5 ms)"), "{on_github}");
    let fine = stdout(&check(&["baseline_pack.json", "current_pack_plus10.json"], &[("GITHUB_ACTIONS", "true")]));
    assert!(!fine.contains("::"), "{fine}");
}

#[test]
fn the_script_has_the_exit_codes_of_the_harness() {
    let code = |files: &[&str]| check(files, &[]).status.code();
    assert_eq!(code(&["baseline_pack.json", "current_pack_plus20.json"]), Some(0));
    assert_eq!(code(&["baseline_stream.json", "current_stream_minus25.json"]), Some(3));
    assert_eq!(code(&["no_such_baseline.json", "current_pack_plus20.json"]), Some(2));
    assert_eq!(code(&["baseline_pack_zero.json", "current_pack_plus20.json"]), Some(2));
    assert_eq!(code(&["baseline_pack.json", "current_stream_better.json"]), Some(2));
    assert_eq!(code(&["baseline_pack.json", "current_pack_timeouts.json"]), Some(6));
    assert_eq!(code(&["baseline_pack.json"]), Some(4));
    assert_eq!(code(&[]), Some(4));
    // A tolerance of 20 once meant 2000 %; none is read now, and that is said.
    let tolerant = check(&["baseline_pack.json", "current_pack_plus25.json"], &[("DURATION_TOLERANCE", "20")]);
    assert_eq!(tolerant.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&tolerant.stderr).contains("the limit is 20 %"));
}

#[test]
fn files_are_judged_by_the_rule_of_their_system_if_none_is_asked_for() {
    let files = Files::new();
    let base = files.write("base.json", &pack_with("", ""));
    let head = files.write("head.json", &pack_with("p95", "1.5e9"));
    let judged = |rule| compare(&[(base.clone(), head.clone())], Options { rule, fail_on: FailOn::Block });
    let by_system = judged(None);
    assert_eq!((by_system.exit, by_system.rule), (Exit::Regressed, Rule::Aether), "{by_system:#?}");
    assert!(by_system.pairs[0].notes.iter().any(|note| note.starts_with("p50 is not compared")), "{by_system:#?}");
    let asked = judged(Some(Rule::Default));
    assert_eq!(asked.exit, Exit::Pass);
    assert!(asked.pairs[0].notes.iter().any(|note| note.starts_with("p95 is not compared")), "{asked:#?}");
}
