//! Images read back: layouts made here byte by byte, archives of them, and what a real engine saved.

use std::fs::read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;

use harness::measure::image::{Base, Count, Method};
use harness::measure::{ImageFacts, StageFacts};
use harness_image::{Error, facts};

use super::engine::{Tag, docker, engine_or_skip, stdout};
use super::layout::{Layout, layer, packed};
use super::program_with_libraries;
use crate::support::Scratch;

const OURS: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
const OTHER: &str = if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" };

/// Creates an index of this host's platform, another one of a different size, and an attestation about each. Returns
/// what a pull downloads here.
fn two_platforms(folder: &Path) -> u64 {
    let mut layout = Layout::new(folder);
    let other = layout.image(OTHER, &[packed(&layer(&[("app/other", &noise(9_000, 3))]))], None);
    let layers = [packed(&layer(&[("app/one", &noise(5_000, 1))])), packed(&layer(&[("app/two", &noise(700, 2))]))];
    let ours = layout.image(OURS, &layers, None);
    let known: usize = layers.iter().map(|layer| layer.bytes.len()).sum();
    let expected = known as u64 + ours.config_bytes;
    let attestations = [layout.attestation(&other), layout.attestation(&ours)];
    let entries = [other.entry.clone(), ours.entry.clone(), attestations[0].clone(), attestations[1].clone()];
    let inner = layout.index(&entries);
    layout.finish(&[inner]);
    expected
}

/// Returns nearly incompressible bytes.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Returns an archive of a folder, by the tar of this host.
fn archived(folder: &Path, to: &Path) -> PathBuf {
    let status = Command::new("tar").arg("-cf").arg(to).arg("-C").arg(folder).arg(".").status().unwrap();
    assert!(status.success());
    to.to_owned()
}

fn exact(bytes: u64) -> Option<Count> {
    Some(Count { bytes, method: Method::Exact })
}

#[test]
fn one_platform_is_counted_and_attestations_never() {
    let scratch = Scratch::new();
    let folder = scratch.0.join("layout");
    let expected = two_platforms(&folder);
    let archive = archived(&folder, &scratch.0.join("layout.tar"));
    for path in [folder, archive] {
        let found = facts(&path).unwrap();
        assert_eq!(found.compressed_bytes, exact(expected), "{}", path.display());
        assert_eq!(found.platform.as_deref(), Some(format!("linux/{OURS}").as_str()));
        assert_eq!(found.layers, Some(2));
        assert_eq!(found.platforms, Some(vec![format!("linux/{OTHER}"), format!("linux/{OURS}")]));
        assert_eq!(found.multi_arch, Some(true));
        assert_eq!(found.base, Base::Scratch, "{}", found.evidence);
        assert!(found.absent.is_empty(), "{:?}", found.absent);
    }
}

#[test]
fn one_platform_alone_is_not_both_and_variants_are_kept() {
    let scratch = Scratch::new();
    let mut layout = Layout::new(&scratch.0);
    let image = layout.image_for("arm", Some("v7"), &[packed(&layer(&[("app/one", b"1")]))], None);
    layout.finish(&[image.entry]);
    let found = facts(&scratch.0).unwrap();
    assert_eq!(found.platforms, Some(vec!["linux/arm/v7".to_owned()]));
    assert_eq!((found.multi_arch, found.layers), (Some(false), Some(1)));
}

#[test]
fn an_uncompressed_layer_makes_the_size_an_estimate() {
    let scratch = Scratch::new();
    let mut layout = Layout::new(&scratch.0);
    let tar = layer(&[("app/one", &vec![b'x'; 200_000])]);
    let image = layout.image(OURS, std::slice::from_ref(&tar), None);
    layout.finish(std::slice::from_ref(&image.entry));
    let Count { bytes, method } = facts(&scratch.0).unwrap().compressed_bytes.unwrap();
    assert_eq!(method, Method::Estimated);
    // By the gzip of this host, as a second opinion.
    let gzip = Command::new("sh").args(["-c", "gzip -6 -n -c \"$0\" | wc -c"]).arg(layout.part(&tar)).output().unwrap();
    let gzipped: u64 = String::from_utf8(gzip.stdout).unwrap().trim().parse().unwrap();
    let estimated = bytes - image.config_bytes;
    assert!(estimated.abs_diff(gzipped) * 20 < gzipped.max(200), "{estimated} here, {gzipped} by gzip");
}

/// Files by path, for each layer.
type Layers<'a> = &'a [&'a [(&'a str, &'a [u8])]];

fn base_of(layers: Layers<'_>, annotation: Option<&str>) -> ImageFacts {
    let scratch = Scratch::new();
    let mut layout = Layout::new(&scratch.0);
    let layers: Vec<_> = layers.iter().map(|files| packed(&layer(files))).collect();
    let image = layout.image(OURS, &layers, annotation);
    layout.finish(&[image.entry]);
    facts(&scratch.0).unwrap()
}

#[test]
fn the_base_is_reported_by_what_is_in_the_image_or_said_about_it() {
    let debian: &[u8] = b"ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
    let app: &[(&str, &[u8])] = &[("app/one", b"1")];
    let cases: [(Layers<'_>, Option<&str>, Base); 9] = [
        (&[app], None, Base::Scratch),
        (&[&[("usr/lib/os-release", b"PRETTY_NAME=\"Distroless\"\nID=\"debian\"\n")], app], None, Base::Distroless),
        (
            &[&[("./usr/lib/os-release", debian), ("bin/sh", b"")], app],
            None,
            Base::Named("Debian GNU/Linux 12 (bookworm)".to_owned()),
        ),
        (&[&[("etc/os-release", b"ID=alpine\n")], app], None, Base::Named("alpine".to_owned())),
        (
            &[app],
            Some("registry.example/library/debian:12"),
            Base::Named("registry.example/library/debian:12".to_owned()),
        ),
        (&[app], Some("example.org/distroless/static"), Base::Distroless),
        (&[&[("bin/sh", b"")], app], None, Base::Unknown),
        (&[&[("var/lib/dpkg/status", b"")], app], None, Base::Unknown),
        (&[&[("etc/os-release", b"VERSION=1\n")]], None, Base::Unknown),
    ];
    for (layers, annotation, expected) in cases {
        let found = base_of(layers, annotation);
        assert_eq!(found.base, expected, "{}", found.evidence);
        assert!(!found.evidence.is_empty());
    }
}

#[test]
fn a_part_that_is_not_what_its_digest_says_is_named() {
    let scratch = Scratch::new();
    two_platforms(&scratch.0);
    let blobs: Vec<PathBuf> =
        std::fs::read_dir(scratch.0.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(facts(&scratch.0).is_ok());
    let mut noticed = 0;
    for blob in &blobs {
        let sound = read(blob).unwrap();
        let name = blob.file_name().unwrap().to_str().unwrap();
        let mut spoiled = sound.clone();
        let middle = spoiled.len() / 2;
        spoiled[middle] ^= 1;
        for wrong in [Some(spoiled), Some(sound[..middle].to_vec()), Some([&sound[..], b"x"].concat()), None] {
            match wrong {
                Some(wrong) => std::fs::write(blob, wrong).unwrap(),
                None => std::fs::remove_file(blob).unwrap(),
            }
            match facts(&scratch.0) {
                // Parts of the other platform and of attestations are not looked at.
                Ok(_) => {}
                Err(error @ Error::Blob { .. }) => {
                    assert!(error.to_string().contains(name), "{error}");
                    noticed += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        std::fs::write(blob, sound).unwrap();
    }
    // The inner index, the manifest of either platform, and this platform's configuration and two layers.
    assert_eq!(noticed, 6 * 4, "of {} parts", blobs.len());
}

#[test]
fn an_archive_that_is_cut_off_anywhere_gives_no_number() {
    let scratch = Scratch::new();
    let folder = scratch.0.join("layout");
    two_platforms(&folder);
    let whole = archived(&folder, &scratch.0.join("layout.tar"));
    let bytes = read(&whole).unwrap();
    // The end mark is two empty blocks; what follows them is filling.
    let content = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let end = content.next_multiple_of(512) + 1024;
    assert!(facts(&whole).is_ok() && end <= bytes.len());
    let cut = scratch.0.join("cut.tar");
    let offsets = (0..end).step_by(379).chain((0..end).step_by(512)).chain([1, content, end - 1]);
    for offset in offsets {
        std::fs::write(&cut, &bytes[..offset]).unwrap();
        let found = facts(&cut);
        assert!(matches!(found, Err(Error::Broken { .. })), "cut at {offset} of {end}: {found:?}");
    }
    std::fs::write(&cut, &bytes[..end]).unwrap();
    assert!(facts(&cut).is_ok());
    for offset in (0..content).step_by(997) {
        let mut spoiled = bytes.clone();
        spoiled[offset] ^= 0x55;
        std::fs::write(&cut, spoiled).unwrap();
        // Filling, the other platform and times may change without harm; numbers must not.
        if let Ok(found) = facts(&cut) {
            assert_eq!(found.compressed_bytes, facts(&whole).unwrap().compressed_bytes, "spoiled at {offset}");
        }
    }
}

#[test]
fn a_file_without_an_image_or_with_several_is_refused() {
    let scratch = Scratch::new();
    assert!(matches!(facts(&scratch.0), Err(Error::NoImage { .. })));
    assert!(matches!(facts(&scratch.0.join("absent")), Err(Error::Unreadable { .. })));
    let file = scratch.0.join("file");
    std::fs::write(&file, "plain text, and enough of it").unwrap();
    assert!(matches!(facts(&file), Err(Error::Broken { .. })));
    std::fs::write(&file, packed(&layer(&[])).bytes).unwrap();
    let said = facts(&file).unwrap_err().to_string();
    assert!(said.contains("gunzip"), "{said}");
    let mut layout = Layout::new(&scratch.0);
    let one = layout.image(OURS, &[packed(&layer(&[("app/one", b"1")]))], None);
    let other = layout.image(OURS, &[packed(&layer(&[("app/two", b"2")]))], None);
    layout.finish(&[one.entry.clone(), other.entry]);
    assert!(matches!(facts(&scratch.0), Err(Error::Several { .. })));
    // The same image under two names is one image.
    layout.finish(&[one.entry.clone(), one.entry]);
    assert!(facts(&scratch.0).is_ok());
    std::fs::write(scratch.0.join("index.json"), " ".repeat((4 << 20) + 1)).unwrap();
    let said = facts(&scratch.0).unwrap_err().to_string();
    assert!(said.contains("index.json has 4194305 bytes"), "{said}");
}

#[test]
fn an_archive_of_an_engine_knows_its_own_platform_only() {
    let scratch = Scratch::new();
    let mut layout = Layout::new(&scratch.0);
    let image = layout.image(OURS, &[packed(&layer(&[("app/one", b"1")]))], None);
    layout.finish(std::slice::from_ref(&image.entry));
    std::fs::write(scratch.0.join("manifest.json"), "[]").unwrap();
    let found = facts(&scratch.0).unwrap();
    assert_eq!((found.multi_arch, found.platforms.as_ref()), (None, None));
    assert!(found.absent.contains_key("multi_arch") && found.absent.contains_key("platforms"), "{:?}", found.absent);
    // It may list a platform whose parts were never pulled.
    let absent = layout.absent(OTHER);
    layout.finish(&[absent, image.entry]);
    let found = facts(&scratch.0).unwrap();
    assert_eq!(found.multi_arch, Some(true));
    assert_eq!(found.platform, Some(format!("linux/{OURS}")));
}

#[test]
fn a_built_image_and_its_copy_from_the_engine_are_the_same() {
    let (scratch, tag) = (Scratch::new(), Tag::new());
    let program = program_with_libraries(&scratch);
    let out = scratch.0.join("image.tar");
    super::build::built(&program, &out, Some(&tag.0), &[]);
    let own = facts(&out).unwrap();
    assert_eq!((own.layers, &own.base), (Some(1), &Base::Scratch), "{}", own.evidence);
    assert_eq!(own.platform, Some(format!("linux/{OURS}")));
    assert_eq!((own.multi_arch, own.platforms.as_ref()), (None, None));
    let Count { bytes, method } = own.compressed_bytes.unwrap();
    assert_eq!(method, Method::Estimated);
    let size = out.metadata().unwrap().len();
    assert!(bytes > size / 20 && bytes < size, "{bytes} of {size}");
    if !engine_or_skip() {
        return;
    }
    tag.load(&out);
    let saved = scratch.0.join("saved.tar");
    stdout(&docker(&["save", "--output", saved.to_str().unwrap(), &tag.0]));
    let theirs = facts(&saved).unwrap();
    assert_eq!(theirs.compressed_bytes.unwrap().method, Method::Estimated);
    assert_eq!(theirs.compressed_bytes, own.compressed_bytes);
    assert_eq!((theirs.layers, theirs.base, theirs.platform), (own.layers, own.base, own.platform));
    let bytes = read(&saved).unwrap();
    for part in 1..20 {
        std::fs::write(&saved, &bytes[..bytes.len() * part / 20]).unwrap();
        assert!(facts(&saved).is_err(), "{part}/20");
    }
}

/// Returns a run of stage `artifact` on a scenario that names `image`, relative to the scenario's folder.
fn artifact_run(scratch: Scratch, image: &str) -> crate::support::Ran {
    let _others = crate::container::RUNS.read().unwrap_or_else(PoisonError::into_inner);
    let stages = format!(
        "[stage.artifact]\nimage = {image:?}\n[targets]\n\"binary/docker_image_compressed\" = {{ limit = \"< 10 MB\", required = true }}\n\"binary/docker_layers\" = {{ limit = \"< 2\" }}\n"
    );
    let scenario = crate::support::sidecar(&[], &stages);
    let output = crate::support::run_command(&scratch, &scenario).output().unwrap();
    let out = scratch.0.join("out");
    let flat =
        crate::support::newest(&out).and_then(|run| std::fs::read_to_string(run.join("bench_metrics.flat.json")).ok());
    let bencher =
        crate::support::newest(&out).and_then(|run| std::fs::read_to_string(run.join("bench_metrics.json")).ok());
    let (flat, bencher) = (flat.unwrap_or_default(), bencher.unwrap_or_default());
    assert_eq!(flat.contains("\"scratch\""), output.status.success(), "{flat}");
    assert!(!bencher.contains("docker_base") && !bencher.contains("multi_arch"), "{bencher}");
    crate::support::ran(scratch, output)
}

#[test]
fn a_run_records_the_image_and_judges_its_claims() {
    let scratch = Scratch::new();
    let expected = two_platforms(&scratch.0.join("layout"));
    let ran = artifact_run(scratch, "layout");
    ran.expect_code(0);
    assert_eq!(ran.value("binary/docker_image_compressed"), expected as f64);
    assert_eq!(ran.value("binary/docker_layers"), 2.0);
    let StageFacts::Artifact(facts) = ran.stage("artifact").facts else { panic!("no artifact stage") };
    assert_eq!(facts.image.unwrap().multi_arch, Some(true));
    assert!(ran.shows("not met"), "{}", ran.stdout);
}

#[test]
fn a_run_with_a_broken_image_is_invalid_input() {
    let scratch = Scratch::new();
    std::fs::write(scratch.0.join("image.tar"), "no archive").unwrap();
    let ran = artifact_run(scratch, "image.tar");
    ran.expect_code(2);
    assert!(ran.shows("is not a complete archive"), "{}\n{}", ran.stdout, ran.stderr);
}
