//! Servers in the place of GitHub that harm their clients.

use std::process::Command;
use std::time::Duration;

use super::{Run, support, without_runner};
use crate::hostile::{ATTACKS, Answer, Attack, Kept, Watched, json, on_tcp};

/// `--patience`: the limit of one request.
const PATIENCE: Duration = Duration::from_secs(1);
/// How late a limit may be noticed.
const LATE: Duration = Duration::from_millis(100);
/// The memory that an answer may take, in KiB.
const MEMORY: u64 = 64 << 10;

/// How GitHub answers the first request of a workflow, whose token belongs to no person.
const NO_USER: Answer = |peer| json(peer, 403, "{}");
const NO_COMMENTS: Answer = |peer| json(peer, 200, "[]");
const CREATED: Answer = |peer| json(peer, 201, "{\"html_url\":\"https://github.example/c/1\"}");

fn comment(run: &Run, url: &str) -> Watched {
    let mut command: Command = support::harness();
    without_runner(&mut command)
        .env("GITHUB_TOKEN", "ghs_x")
        .env("GITHUB_API_URL", url)
        .env("GITHUB_REPOSITORY", "a/b");
    command.arg("comment").arg(run.folder()).args(["--pr", "17", "--patience", &PATIENCE.as_secs().to_string()]);
    Watched::run(&mut command)
}

/// Attacks one of the requests: the first, the second, or the one that writes. Returns the address and how long connections were kept.
fn attacked(which: usize, answer: Answer) -> (String, Kept) {
    let (address, kept) = match which {
        0 => on_tcp(move |_| answer),
        1 => on_tcp(move |request| if request.starts_with("GET /user ") { NO_USER } else { answer }),
        _ => on_tcp(move |request| match request.split(' ').next() {
            _ if request.starts_with("GET /user ") => NO_USER,
            Some("GET") => NO_COMMENTS,
            _ => answer,
        }),
    };
    (format!("http://{address}"), kept)
}

#[test]
fn hostile_answers_instead_of_githubs_end_in_time_and_take_no_memory() {
    let run = Run::quiet();
    let (good, _) = on_tcp(|request: &str| match request.split(' ').next() {
        _ if request.starts_with("GET /user ") => NO_USER,
        Some("GET") => NO_COMMENTS,
        _ => CREATED,
    });
    let normal = comment(&run, &format!("http://{good}"));
    assert_eq!(normal.stdout, "created the comment: https://github.example/c/1\n", "{}", normal.stderr);
    let cases: Vec<(usize, &Attack)> = ATTACKS.iter().enumerate().map(|(index, attack)| (index % 3, attack)).collect();
    // Several at a time, because most of them wait.
    for several in cases.chunks(5) {
        std::thread::scope(|scope| {
            for (which, attack) in several {
                scope.spawn(|| survives(&run, normal.peak, attack, *which));
            }
        });
    }
}

fn survives(run: &Run, normal: u64, attack: &Attack, which: usize) {
    let (url, kept) = attacked(which, attack.answer);
    let seen = comment(run, &url);
    let (what, said) = (format!("{}, request {which}", attack.what), &seen.stderr);
    assert_eq!(seen.code, Some(0), "{what}: publishing decides nothing: {said}");
    assert!(said.len() < 1000 && said.lines().count() == 1, "{what}: {said}");
    assert!(said.starts_with("warning: the comment was not posted: "), "{what}: {said}");
    assert!(seen.peak <= normal + MEMORY, "{what}: {} KiB, normal are {normal}: {said}", seen.peak);
    if let Some(longest) = kept.shortest_from(PATIENCE) {
        assert!(said.contains("did not answer within 1.00 s (3 tries)"), "{what}: {said}");
        assert!(longest <= PATIENCE + LATE, "{what}: {longest:?}");
    }
}

#[test]
fn a_wrong_answer_is_described() {
    let run = Run::quiet();
    for (what, words) in [
        ("a head in single bytes", "did not answer within 1.00 s (3 tries)"),
        ("a head without an end", "message head is too large"),
        ("a body of 10 GB", "is larger than 20.0 MiB"),
        ("a chunked body without an end", "is larger than 20.0 MiB"),
        ("a body that ends early", "sent no valid answer: end of file before message length reached"),
        ("an invalid chunk size", "sent no valid answer: Invalid chunk size line"),
        ("redirections without an end", "HTTP 302"),
        ("text instead of JSON", "the answer is not JSON (line 1, column 1)"),
        ("JSON that is nested 100,000 deep", "the answer is JSON, but not what GitHub sends"),
        ("a list of millions", "the answer is JSON, but not what GitHub sends"),
        ("a refusal of 18 MB", "HTTP 500 ("),
    ] {
        let attack = ATTACKS.iter().find(|attack| attack.what == what).unwrap();
        let seen = comment(&run, &attacked(1, attack.answer).0);
        assert!(seen.stderr.contains(words), "{what}: {}", seen.stderr);
    }
}

/// Answers end in time even if each request alone is in time.
#[test]
fn all_requests_together_have_a_limit() {
    let run = Run::quiet();
    // Full pages for ever, each of them slow.
    let page: Answer = |peer| {
        std::thread::sleep(PATIENCE * 7 / 10);
        json(peer, 200, &format!("[{}{{}}]", "{},".repeat(49)))
    };
    let seen = comment(&run, &attacked(1, page).0);
    assert!(seen.stderr.contains("did not answer within") || seen.stderr.contains("was not sent"), "{}", seen.stderr);
    assert!(seen.took >= PATIENCE * 6, "{:?}", seen.took);
    assert!(!seen.stderr.contains("pull request 17 has more than"), "{}", seen.stderr);
}
