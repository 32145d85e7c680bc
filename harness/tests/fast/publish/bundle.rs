//! `harness report --bundle`: the archive of a run verifies, with the harness and without it, and what is modified does not.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use harness::report::validate::check;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Run, stderr, stdout};
use crate::support::harness;

fn bundled(run: &Run, name: &str) -> PathBuf {
    let archive = run.file(name);
    let output =
        harness().arg("report").arg(run.folder()).arg("--quiet").arg("--bundle").arg(&archive).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("verify  harness validate "), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 1, "the verdict only: {}", stdout(&output));
    archive
}

fn validated(archive: &Path) -> Output {
    harness().arg("validate").arg(archive).output().unwrap()
}

fn entries(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(archive).unwrap()));
    let mut entries = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        entries.push((entry.path().unwrap().display().to_string(), content));
    }
    entries
}

/// Writes an archive with these entries.
fn packed(run: &Run, entries: &[(String, Vec<u8>)]) -> PathBuf {
    let path = run.file("changed.tar.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut builder = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
    path
}

#[test]
fn an_archive_contains_the_run_the_schemas_and_their_digests_and_is_the_same_each_time() {
    let run = Run::quiet();
    let archive = bundled(&run, "run.tar.gz");
    assert_eq!(std::fs::read(&archive).unwrap(), std::fs::read(bundled(&run, "again.tar.gz")).unwrap());
    let output = validated(&archive);
    assert!(output.status.success() && stdout(&output).contains("ok, the archive of a run"), "{}", stdout(&output));
    let names: Vec<String> = entries(&archive).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[0], "SHA256SUMS");
    for expected in ["run/result.json", "run/report.html", "run/verdict.json", "schemas/result.schema.json"] {
        assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
    }
    let folder = run.file("unpacked");
    std::fs::create_dir_all(&folder).unwrap();
    let tar = Command::new("tar").arg("--extract").arg("--file").arg(&archive).arg("--directory").arg(&folder).status();
    assert!(tar.unwrap().success());
    let sums =
        Command::new("sha256sum").args(["--check", "--quiet", "--strict", "SHA256SUMS"]).current_dir(&folder).output();
    let sums = sums.unwrap();
    assert!(sums.status.success(), "{}", stdout(&sums));
    let schemas = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).unwrap().count();
    assert_eq!(std::fs::read_dir(folder.join("schemas")).unwrap().count(), schemas, "every schema is packed");
}

#[test]
fn files_that_were_modified_removed_or_added_are_named() {
    let run = Run::quiet();
    let original = entries(&bundled(&run, "run.tar.gz"));
    let faults = |entries: &[(String, Vec<u8>)]| {
        let output = validated(&packed(&run, entries));
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        stdout(&output)
    };
    let position = |name: &str| original.iter().position(|(other, _)| other == name).unwrap();
    let mut changed = original.clone();
    changed[position("run/summary.txt")].1[0] ^= 1;
    assert!(faults(&changed).contains("run/summary.txt was modified"), "{}", faults(&changed));
    let mut changed = original.clone();
    changed.remove(position("run/verdict.json"));
    assert!(faults(&changed).contains("run/verdict.json is in SHA256SUMS and not in the archive"));
    let mut changed = original.clone();
    changed.push(("run/added.json".to_owned(), b"{}".to_vec()));
    assert!(faults(&changed).contains("run/added.json is not in SHA256SUMS"));
    let mut changed = original.clone();
    changed.remove(0);
    assert!(faults(&changed).contains("it has no SHA256SUMS"));
    assert!(faults(&[changed[0].clone(), changed[0].clone()]).contains("is in it twice"));
    std::fs::write(run.file("no.tar.gz"), "no archive").unwrap();
    assert_eq!(validated(&run.file("no.tar.gz")).status.code(), Some(2));
}

/// Somebody who changes a result and the digests is still found out, because the record has a digest of its own.
#[test]
fn a_result_that_was_modified_together_with_the_digests_is_named() {
    let run = Run::quiet();
    let path = run.folder().join("result.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(run.folder().join("copy.json"), &text).unwrap();
    let archive = bundled(&run, "run.tar.gz");
    assert!(validated(&archive).status.success(), "a copy is a result too");
    let mut changed = entries(&archive);
    let result = changed.iter_mut().find(|(name, _)| name == "run/copy.json").unwrap();
    let at = text.find("\"took_ns\":").unwrap() + "\"took_ns\":".len();
    let digit = at + text[at..].find(|letter: char| letter.is_ascii_digit()).unwrap();
    result.1[digit] = if result.1[digit] == b'1' { b'2' } else { b'1' };
    let sums: String = changed.iter().skip(1).map(|(name, content)| format!("{}  {name}\n", digest(content))).collect();
    changed[0].1 = sums.into_bytes();
    let output = validated(&packed(&run, &changed));
    assert!(output.status.code() == Some(2) && stdout(&output).contains("run/copy.json: "), "{}", stdout(&output));
}

fn digest(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn only_the_folder_of_a_run_without_links_is_packed() {
    let run = Run::quiet();
    let packed =
        |result: &Path| harness().arg("report").arg(result).arg("--bundle").arg(run.file("x.tar.gz")).output().unwrap();
    let output = packed(&run.folder().join("result.json"));
    assert!(
        output.status.code() == Some(2) && stderr(&output).contains("is not the folder of a run"),
        "{}",
        stderr(&output)
    );
    std::os::unix::fs::symlink("/etc/hostname", run.folder().join("link")).unwrap();
    let output = packed(&run.folder());
    assert!(output.status.code() == Some(4) && stderr(&output).contains("symbolic link"), "{}", stderr(&output));
    assert!(!run.file("x.tar.gz").exists());
}

/// Every broken archive is refused with a reason, or is read; none panics.
#[test]
fn broken_archives_are_read_without_a_panic() {
    let run = Run::quiet();
    let mut whole = Vec::new();
    GzDecoder::new(std::fs::File::open(bundled(&run, "run.tar.gz")).unwrap()).read_to_end(&mut whole).unwrap();
    let path = run.file("broken.tar.gz");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut refused = 0;
    for _ in 0..100 {
        let mut broken = whole.clone();
        // The first blocks hold headers and digests, where a change has the widest effect.
        let within = if random.random() { 4096 } else { broken.len() };
        for _ in 0..random.random_range(1..4) {
            broken[random.random_range(0..within)] = random.random();
        }
        broken.truncate(random.random_range(broken.len() / 2..=broken.len()));
        let mut packed = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::none());
        packed.write_all(&broken).unwrap();
        packed.finish().unwrap();
        refused += usize::from(!check(&path, None).faults.is_empty());
    }
    assert!(refused > 90, "{refused} of 100");
}
