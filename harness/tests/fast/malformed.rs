//! Broken files: no reader panics, and every error names its place. The corpus of harness/fuzz is replayed, and every whole file is
//! broken again and again, always in the same ways; `FUZZ_SECONDS=600 cargo test --release --test fast malformed` does it for as long on each
//! reader, in ways that differ from run to run. `scripts/fuzz` looks for more with coverage.
mod mutate;
mod targets;

use crate::sample;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::measure::journal::JournalLine;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use targets::{TARGETS, Target};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

fn corpus(target: &str) -> Vec<String> {
    files(&root().join("harness/fuzz/corpus").join(target))
}

/// Whole files of each kind, as this repository has them.
fn whole(target: &str) -> Vec<String> {
    let tests = root().join("harness/tests");
    let seeds = match target {
        "scenario" => files(&root().join("scenarios")),
        "record" => vec![serde_json::to_string(&sample::record()).unwrap()],
        "journal" => {
            let lines = JournalLine::of_record(&sample::record());
            // A round of each stage: every kind of line, and small enough to be broken often.
            let few = lines.iter().map(|line| line.to_json().unwrap()).filter(|line| line.len() < 4_000);
            vec![few.collect()]
        }
        "baseline" => files(&root().join("results/baselines/sidecar")),
        "interop" => [tests.join("compare/aether"), tests.join("snapshots/aether")]
            .iter()
            .flat_map(|folder| files(folder))
            .chain(
                ["bench_metrics.json", "bench_metrics.flat.json", "perf.json"]
                    .map(|name| std::fs::read_to_string(tests.join("snapshots").join(name)).unwrap()),
            )
            .collect(),
        other => panic!("no seeds for {other}"),
    };
    assert!(!seeds.is_empty() && seeds.iter().all(|seed| !seed.is_empty()), "{target}: a seed is missing");
    seeds
}

/// Whole files and the corpus.
fn seeds(target: &str) -> Vec<String> {
    [whole(target), corpus(target)].concat()
}

/// Feeds it; what it panics at is kept where it can be looked at and joined to the corpus.
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

/// What `scripts/fuzz` begins with.
#[test]
#[ignore = "writes files: FUZZ_SEEDS names the folder"]
fn the_seeds_are_written() {
    let folder = PathBuf::from(std::env::var_os("FUZZ_SEEDS").unwrap());
    for (name, _) in TARGETS {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for (index, seed) in seeds(name).iter().enumerate() {
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
    // A record takes a hundred times as long as the others, because it is judged and rendered in every format.
    let enough = if name == "record" { 100 } else { 2_000 };
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
fn nothing_panics_at_a_broken_baseline() {
    break_it("baseline");
}

#[test]
fn nothing_panics_at_a_broken_file_of_another_tool() {
    break_it("interop");
}
