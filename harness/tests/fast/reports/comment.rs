//! `comment.md` and the findings of `summary.md`.

use harness::report::comment::{LIMIT, Options, body};
use harness::verdict::judgement::Ground;
use harness::verdict::judgement::{Finding, FindingKind};

use super::*;

fn finding(kind: FindingKind, subject: &str, message: &str) -> Finding {
    serde_json::from_value(serde_json::json!({ "subject": subject, "kind": kind, "message": message })).unwrap()
}

/// One finding of every kind, worst last.
fn every_kind() -> Judgement {
    let mut judgement = judged(&sample::record(), &[claim("memory/idle_rss", true, 20e6)]);
    judgement.findings = FindingKind::ALL
        .iter()
        .rev()
        .map(|kind| finding(*kind, &format!("latency/{}", kind.word()), "so much"))
        .collect();
    judgement
}

fn comment_of(record: &Record, judgement: &Judgement) -> String {
    body(&Summary::new(record, judgement), &Options::default())
}

/// Returns the subjects of the table rows, in order.
fn subjects(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1)).collect()
}

#[test]
fn the_worst_comes_first_and_the_unchanged_is_folded() {
    let (record, judgement) = (sample::record(), every_kind());
    let text = comment_of(&record, &judgement);
    let (shown, folded) = text.split_once("<details><summary>3 findings unchanged</summary>").unwrap();
    let first: Vec<&str> = subjects(shown).into_iter().filter(|subject| subject.contains('/')).collect();
    assert_eq!(
        first,
        ["latency/block", "latency/alert", "memory/idle_rss", "latency/inconclusive", "latency/improved"],
        "{text}"
    );
    assert_eq!(subjects(folded)[1..4], ["latency/small", "latency/noise", "latency/ok"], "{text}");
}

#[test]
fn a_comment_says_which_it_is_and_how_to_reproduce_it() {
    let text = comment_of(&sample::record(), &every_kind());
    assert!(text.starts_with("<!-- harness:v1 id=sidecar/debian-12-2cpus -->\n### Performance of sidecar: "), "{text}");
    assert!(text.contains("\nReproduce: `harness report result.json`") && text.contains("seed 42"), "{text}");
    assert_eq!(text.matches("<details>").count(), 2);
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn a_comment_fits_whatever_there_is_to_say_and_keeps_the_worst() {
    let record = sample::record();
    let long = "worse by |much| <b>\n".repeat(50);
    for (count, kept) in [(0, 0), (1, 1), (100, 100), (400, 400), (3_000, 150)] {
        let mut judgement = every_kind();
        judgement.grounds = vec![Ground::Finding(finding(FindingKind::Block, "x", &long)); count.min(500)];
        let of = |kind: FindingKind, n: usize| (0..n).map(move |index| (kind, format!("{}/{index}", kind.word())));
        let all =
            of(FindingKind::Ok, 3 * count).chain(of(FindingKind::Improved, count)).chain(of(FindingKind::Block, count));
        judgement.findings = all.map(|(kind, subject)| finding(kind, &subject, &long)).collect();
        let text = comment_of(&record, &judgement);
        assert!(text.chars().count() <= LIMIT, "{count}: {} characters", text.chars().count());
        let blocks = subjects(&text).iter().filter(|subject| subject.starts_with("block/")).count();
        assert!(blocks >= kept, "{count}: {blocks} blocks");
        assert_eq!(text.contains("\nand "), count > 1, "{count}: {text}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        assert!(text.contains("\nReproduce: "), "{count}");
        let summary = rendered("markdown", &record, &judgement);
        assert!(summary.len() <= 1_000_000, "{count}: {} bytes", summary.len());
    }
}

#[test]
fn a_comment_has_no_path_no_secret_and_nothing_that_acts() {
    let mut record = sample::record();
    record.scenario.name = "side --> <script>@team".to_owned();
    record.scenario.overrides = vec!["target.process.env.API_TOKEN=s3cr3tvalue".to_owned()];
    record.host.cpu_model = "![x](http://evil.example)".to_owned();
    let mut judgement = every_kind();
    let message = "/opt/gate/bin/gate died: Authorization: Bearer s3cr3tvalue @maintainer [see](https://evil.example) <img src=x>";
    judgement.grounds = vec![Ground::Finding(finding(FindingKind::Block, message, message)); 2];
    judgement.findings.push(finding(FindingKind::Block, message, message));
    let text = comment_of(&record, &judgement);
    for part in ["/opt", "s3cr3tvalue", "@maintainer", "@team", "[see](", "://", "<img", "<script", "/opt/thoughtgate"]
    {
        assert!(!text.contains(part), "{part} in {text}");
    }
    assert!(text.starts_with("<!-- harness:v1 id=side-script-team/debian-12-2cpus -->\n"), "{text}");
    assert!(text.contains("…/gate died"), "{text}");
}
