//! Broken files: no reader panics, and every error names its place. The corpus of harness/fuzz is replayed, and every whole file is
//! broken again and again, always in the same ways; `FUZZ_SECONDS=600 cargo test --release --test fast malformed` does it for as long on each
//! reader, in ways that differ from run to run. `scripts/fuzz` looks for more with coverage.
mod mutate;
mod seeds;
mod targets;

use crate::support::Scratch;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::interop::exposition::Exposition;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seeds::{group, layout, seeds, smallest_program, whole};
use targets::{TARGETS, Target};

/// Feeds it. An input that makes it panic is kept, so that it can be examined and added to the corpus.
fn feed(name: &str, target: Target, text: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(text))).is_err() {
        let path = std::env::temp_dir().join(format!("harness-malformed-{name}-{}", text.len()));
        std::fs::write(&path, text).unwrap();
        panic!(
            "{name} fails at what {} holds; fix it and put that file into harness/fuzz/corpus/{name}",
            path.display()
        );
    }
}

/// Prints the inputs with which `scripts/fuzz` begins.
#[test]
#[ignore = "writes files: FUZZ_SEEDS names the folder"]
fn the_seeds_are_written() {
    let folder = PathBuf::from(std::env::var_os("FUZZ_SEEDS").unwrap());
    for (name, _) in TARGETS {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for (index, seed) in seeds(name).iter().enumerate() {
            let seed = if matches!(name, "program" | "probe" | "frames") {
                targets::bytes(seed)
            } else {
                seed.clone().into_bytes()
            };
            std::fs::write(folder.join(name).join(index.to_string()), seed).unwrap();
        }
    }
}

fn break_it(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let seconds: Option<u64> = std::env::var("FUZZ_SECONDS").ok().map(|text| text.parse().unwrap());
    let seed = if seconds.is_some() { rand::rng().random() } else { 1 };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let seeds = whole(name);
    let begun = Instant::now();
    let mut fed = 0;
    // A record takes a hundred times as long as the others, because it is judged and rendered in every format. Some write files.
    let enough = match name {
        "record" => 100,
        "groups" | "image" | "program" => 300,
        _ => 2_000,
    };
    while seconds.map_or(fed < enough, |seconds| begun.elapsed() < Duration::from_secs(seconds)) {
        let text = mutate::broken(&seeds[fed % seeds.len()], &mut random);
        feed(name, *target, &text);
        fed += 1;
    }
    eprintln!("{name}: {fed} broken files from {} seeds, random seed {seed}", seeds.len());
}

#[test]
fn the_corpus_and_whole_files_are_read() {
    for (name, target) in TARGETS {
        for seed in seeds(name) {
            feed(name, target, &seed);
        }
    }
}

#[test]
fn nothing_panics_at_a_broken_scenario() {
    break_it("scenario");
}

#[test]
fn nothing_panics_at_a_broken_record() {
    break_it("record");
}

#[test]
fn nothing_panics_at_a_broken_journal() {
    break_it("journal");
}

#[test]
fn nothing_panics_at_a_broken_line_of_a_node() {
    break_it("nodes");
}

#[test]
fn nothing_panics_at_a_broken_baseline() {
    break_it("baseline");
}

#[test]
fn nothing_panics_at_a_broken_file_of_another_tool() {
    break_it("interop");
}

#[test]
fn nothing_panics_at_a_broken_histogram() {
    break_it("histogram");
}

#[test]
fn nothing_panics_at_a_broken_answer_of_github() {
    break_it("github");
}

#[test]
fn nothing_panics_at_broken_files_of_a_control_group() {
    break_it("groups");
}

#[test]
fn nothing_panics_at_a_broken_image() {
    break_it("image");
}

#[test]
fn nothing_panics_at_a_broken_program() {
    break_it("program");
}

#[test]
fn nothing_panics_at_a_broken_answer_of_a_health_endpoint() {
    break_it("probe");
}

#[test]
fn nothing_panics_at_a_broken_answer_of_a_metrics_endpoint() {
    break_it("exposition");
}

#[test]
fn nothing_panics_at_a_broken_message_of_a_fleet() {
    break_it("frames");
}

/// A target whose whole file is refused at once would test nothing.
#[test]
fn the_made_up_files_are_whole() {
    let folder = Scratch::new();
    let path = folder.0.join("program");
    std::fs::write(&path, smallest_program()).unwrap();
    match harness_image::closure(&path) {
        Ok(found) => assert!(found.libraries.iter().any(|library| library.name == "libc.so.6"), "{found:?}"),
        // A host with another C library.
        Err(error) => {
            assert!(error.to_string().contains("ld-linux") || error.to_string().contains("libc.so.6"), "{error}")
        }
    }
    let image = targets::image_facts(&layout()).unwrap();
    assert_eq!(image.layers, Some(1));
    let usage = targets::group_usage(&group());
    assert_eq!(usage.and_then(|usage| usage.oom_kills), Some(1));
}

/// The corpus begins with what a target really answers.
#[test]
fn an_answer_of_thoughtgate_is_read_as_it_was_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/exposition/thoughtgate");
    let text = std::fs::read_to_string(path).unwrap();
    let read = Exposition::parse(&text).unwrap();
    assert_eq!(read.samples.len(), text.lines().filter(|line| !line.starts_with('#')).count());
    let value = |name: &str| read.of(name, std::iter::empty()).map(|sample| sample.value).collect::<Vec<_>>();
    assert_eq!(value("thoughtgate_requests_total_total"), [918_104.0]);
    assert_eq!(value("thoughtgate_request_duration_ms_sum"), [318_703.270_251_016_6]);
    assert_eq!(value("thoughtgate_request_payload_size_bytes_count").len(), 2, "one series for each direction");
    assert!(value("thoughtgate_cedar_evaluation_duration_ms_count").is_empty(), "nothing was evaluated yet");
}
