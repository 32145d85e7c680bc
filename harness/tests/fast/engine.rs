//! Servers in the place of a container engine that harm their clients.

use std::time::Duration;

use crate::hostile::{ATTACKS, Answer, Attack, Kept, Watched, json, on_socket};
use crate::support::{Scratch, harness};

/// The time for a complete answer, as `rig/src/target/container/transport.rs` says.
const ANSWER: Duration = Duration::from_secs(30);
/// How late its end may be noticed.
const LATE: Duration = Duration::from_millis(100);
/// The memory that an answer may take, in KiB.
const MEMORY: u64 = 64 << 10;

const VERSION: Answer = |peer| json(peer, 200, "{\"ApiVersion\":\"1.48\"}");
const ALONE: Answer = |peer| json(peer, 200, "{\"Swarm\":{\"LocalNodeState\":\"inactive\"}}");
const NOTHING: Answer = |peer| json(peer, 200, "[]");

/// Lists what ended runs left behind in this engine.
fn clean(choose: impl Fn(&str) -> Answer + Send + Copy + 'static) -> (Watched, Kept) {
    let folder = Scratch::new();
    let socket = folder.0.join("engine.sock");
    let kept = on_socket(&socket, choose);
    let mut command = harness();
    command.env("DOCKER_HOST", format!("unix://{}", socket.display())).args(["clean", "--dry-run"]);
    (Watched::run(&mut command), kept)
}

/// Attacks the first request, or the second.
fn attacked(attack: Attack, first: bool) -> (Watched, Kept) {
    let answer = attack.answer;
    clean(move |request| match request {
        version if !first && version.contains("/version ") => VERSION,
        // It has a time limit of its own.
        info if !first && info.contains("/info ") => ALONE,
        _ => answer,
    })
}

#[test]
fn hostile_answers_instead_of_an_engines_end_in_time_and_take_no_memory() {
    let (normal, _) = clean(|request| match request {
        version if version.contains("/version ") => VERSION,
        info if info.contains("/info ") => ALONE,
        _ => NOTHING,
    });
    assert_eq!(normal.code, Some(0), "{}", normal.stderr);
    // All at a time, because those that wait do so for half a minute.
    std::thread::scope(|scope| {
        for attack in ATTACKS {
            for first in [true, false] {
                let normal = normal.peak;
                scope.spawn(move || survives(attack, first, normal));
            }
        }
    });
}

fn survives(attack: Attack, first: bool, normal: u64) {
    let (seen, kept) = attacked(attack, first);
    let (what, said) = (attack.what, &seen.stderr);
    assert_eq!(seen.code, Some(4), "{what}: {said}");
    assert!(said.len() < 2000 && said.contains("container engine"), "{what}: {said}");
    assert!(seen.peak <= normal + MEMORY, "{what}: {} KiB, normal are {normal}", seen.peak);
    if let Some(longest) = kept.shortest_from(ANSWER) {
        assert!(said.contains("its answer was not complete within 30.0 s"), "{what}: {said}");
        assert!(longest <= ANSWER + LATE, "{what}: {longest:?}");
    }
}

#[test]
fn a_wrong_answer_of_the_engine_is_described() {
    for (what, words) in [
        ("a head without an end", "message head is too large"),
        ("a body of 10 GB", "its answer is larger than 512 KiB"),
        ("a body that ends early", "end of file before message length reached"),
        ("an invalid chunk size", "Invalid chunk size line"),
        ("redirections without an end", "the container engine could not list what is ours"),
        ("text instead of JSON", "its answer is not the JSON of an engine"),
        ("JSON that is nested 100,000 deep", "its answer is not the JSON of an engine"),
    ] {
        let attack = ATTACKS.into_iter().find(|attack| attack.what == what).unwrap();
        let (seen, _) = attacked(attack, false);
        assert!(seen.stderr.contains(words), "{what}: {}", seen.stderr);
    }
}
