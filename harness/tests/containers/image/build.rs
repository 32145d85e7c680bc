//! Images built from programs: the engine loads and runs them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness_image::{BuildRequest, Built, Error, build};

use super::engine::{Tag, docker, engine_or_skip, stdout};
use super::program_with_libraries;
use crate::support::Scratch;

/// Builds `executable` into `out`, furnished, under `tag`.
pub fn built(executable: &Path, out: &Path, tag: Option<&str>, extra: &[(PathBuf, String)]) -> Built {
    let labels = BTreeMap::from([("harness.test".to_owned(), "yes".to_owned())]);
    build(&BuildRequest { executable, extra, furnished: true, labels: &labels, tag, out }).unwrap()
}

#[test]
fn the_engine_runs_a_program_with_libraries_found_by_origin() {
    if !engine_or_skip() {
        return;
    }
    let (scratch, tag) = (Scratch::new(), Tag::new());
    let program = program_with_libraries(&scratch);
    let out = scratch.0.join("image.tar");
    let built = built(&program, &out, Some(&tag.0), &[]);
    tag.load(&out);
    let ran = tag.run(&[], &[]);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "answer 42\n", "{ran:?}");
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    let inspect = |format: &str| stdout(&docker(&["image", "inspect", "--format", format, &tag.0]));
    assert_eq!(inspect("{{.Id}}"), built.id);
    assert_eq!(inspect("{{.Size}}"), built.size_bytes.to_string());
    assert_eq!(inspect("{{.Architecture}}"), built.architecture);
    assert_eq!(inspect("{{index .Config.Labels \"harness.test\"}}"), "yes");
    assert_eq!(inspect("{{len .RootFS.Layers}}"), "1");
}

#[test]
fn the_engine_runs_this_harness_as_anybody_and_with_files() {
    if !engine_or_skip() {
        return;
    }
    let (scratch, tag) = (Scratch::new(), Tag::new());
    let out = scratch.0.join("image.tar");
    let harness = Path::new(env!("CARGO_BIN_EXE_harness"));
    let scenario = scratch.0.join("scenario.toml");
    std::fs::write(&scenario, crate::support::sidecar(&[], "[stage.idle]\n")).unwrap();
    let extra = [(scenario, "/conf/one/scenario.toml".to_owned())];
    let built = built(harness, &out, Some(&tag.0), &extra);
    assert!(built.files.contains(&"/conf/one/scenario.toml".to_owned()), "{:?}", built.files);
    tag.load(&out);
    let help = tag.run(&["--user", "nobody"], &["run", "--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--quick"), "{help:?}");
    let checked = tag.run(&["--read-only", "--user", "65534"], &["check", "/conf/one/scenario.toml"]);
    assert!(checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains("idle"), "{checked:?}");
}

#[test]
fn the_engine_runs_a_static_program_alone() {
    if !engine_or_skip() {
        return;
    }
    let (scratch, tag) = (Scratch::new(), Tag::new());
    std::fs::write(scratch.0.join("main.c"), "int main(void) { return 23; }\n").unwrap();
    super::cc(&scratch.0, &["-static", "-o", "program", "main.c"]);
    let (executable, out) = (scratch.0.join("program"), scratch.0.join("image.tar"));
    let labels = BTreeMap::new();
    let order = BuildRequest {
        executable: &executable,
        extra: &[],
        furnished: false,
        labels: &labels,
        tag: Some(&tag.0),
        out: &out,
    };
    assert_eq!(build(&order).unwrap().files, ["/app/program"]);
    tag.load(&out);
    assert_eq!(tag.run(&[], &[]).status.code(), Some(23));
}

#[test]
fn the_same_files_give_the_same_image() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    let (one, other) = (scratch.0.join("one.tar"), scratch.0.join("other.tar"));
    let first = built(&program, &one, Some("name"), &[]);
    let bytes = std::fs::read(&program).unwrap();
    std::fs::write(&program, bytes).unwrap();
    assert_eq!(built(&program, &other, Some("name"), &[]), first);
    assert!(std::fs::read(&one).unwrap() == std::fs::read(&other).unwrap(), "{first:?}");
    assert!(first.id.starts_with("sha256:") && first.id.len() == 71, "{}", first.id);
    let more = [(scratch.0.join("main.c"), "/etc/main.c".to_owned())];
    assert_ne!(built(&program, &other, Some("name"), &more).id, first.id);
}

#[test]
fn a_furnished_image_has_what_programs_miss_most() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    let out = scratch.0.join("image.tar");
    let built = built(&program, &out, None, &[]);
    let has = |path: &str| built.files.contains(&path.to_owned());
    assert!(has("/etc/passwd") && has("/etc/group") && has("/etc/nsswitch.conf") && has("/app/program"));
    let certificates = Path::new("/etc/ssl/certs/ca-certificates.crt").exists();
    assert_eq!(has("/etc/ssl/certs/ca-certificates.crt"), certificates || built.warnings.is_empty());
    let (list, unpacked) = (scratch.0.join("list"), scratch.0.join("unpacked"));
    std::fs::create_dir_all(&unpacked).unwrap();
    let tar = |arguments: &[&str]| {
        let output = std::process::Command::new("tar").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    tar(&["-xf", out.to_str().unwrap(), "-C", unpacked.to_str().unwrap()]);
    std::fs::write(&list, tar(&["-tvf", unpacked.join("layer.tar").to_str().unwrap(), "--utc"])).unwrap();
    let listed = std::fs::read_to_string(&list).unwrap();
    let line = |name: &str| listed.lines().find(|line| line.ends_with(name)).unwrap_or_else(|| panic!("{listed}"));
    assert!(line(" tmp/").starts_with("drwxrwxrwt"), "{listed}");
    assert!(line(" app/program").starts_with("-rwxr-xr-x"), "{listed}");
    assert!(listed.lines().all(|line| line.contains(" 0/0 ") && line.contains(" 1970-01-01 00:00 ")), "{listed}");
}

#[test]
fn a_place_that_cannot_be_leaves_no_archive_behind() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    let out = scratch.0.join("image.tar");
    let labels = BTreeMap::new();
    let attempt = |source: &str, place: &str| {
        let extra = [(scratch.0.join(source), place.to_owned())];
        let order = BuildRequest {
            executable: &program,
            extra: &extra,
            furnished: true,
            labels: &labels,
            tag: None,
            out: &out,
        };
        build(&order).unwrap_err()
    };
    for place in ["relative", "/", "/app/program/below", "/etc"] {
        assert!(matches!(attempt("main.c", place), Error::Place { .. }), "{place}");
    }
    assert!(matches!(attempt("absent", "/etc/absent"), Error::Unreadable { .. }));
    assert!(!out.exists());
    let nowhere = scratch.0.join("absent/image.tar");
    let order =
        BuildRequest { executable: &program, extra: &[], furnished: true, labels: &labels, tag: None, out: &nowhere };
    assert!(matches!(build(&order), Err(Error::Unwritable { .. })));
}

#[test]
fn a_folder_is_brought_with_all_that_is_in_it() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    std::os::unix::fs::symlink("libouter.so", scratch.0.join("lib/libouter.so.1")).unwrap();
    let extra = [(scratch.0.join("lib"), "/lib/own/".to_owned())];
    let built = built(&program, &scratch.0.join("image.tar"), None, &extra);
    for name in ["libouter.so", "libouter.so.1", "deep/libinner.so"] {
        assert!(built.files.iter().any(|path| path.ends_with(&format!("lib/own/{name}"))), "{:?}", built.files);
    }
}

#[test]
fn the_engine_runs_a_large_server_with_all_its_libraries() {
    let nginx = Path::new("/usr/sbin/nginx");
    if !nginx.exists() {
        eprintln!("SKIPPED: {} is not installed", nginx.display());
        return;
    }
    if !engine_or_skip() {
        return;
    }
    let (scratch, tag) = (Scratch::new(), Tag::new());
    let (out, conf) = (scratch.0.join("image.tar"), scratch.0.join("nginx.conf"));
    std::fs::write(&conf, "pid /tmp/pid; error_log stderr; user nobody nogroup; events {}\n").unwrap();
    built(nginx, &out, Some(&tag.0), &[(conf, "/conf/nginx.conf".to_owned())]);
    tag.load(&out);
    let tested = tag.run(&[], &["-t", "-c", "/conf/nginx.conf"]);
    // It reads its configuration, finds user and group, and writes to /tmp.
    assert!(String::from_utf8_lossy(&tested.stderr).contains("test is successful"), "{tested:?}");
}

#[test]
fn the_hidden_program_builds_an_image_and_says_its_id() {
    let scratch = Scratch::new();
    let out = scratch.0.join("image.tar");
    let image = |binary: &Path| {
        let mut command = crate::support::harness();
        command.arg("__image").arg(binary).args(["--tag", "name", "--out"]).arg(&out).output().unwrap()
    };
    let program = program_with_libraries(&scratch);
    let done = image(&program);
    let expected = {
        let (labels, other) = (BTreeMap::new(), scratch.0.join("other.tar"));
        let order =
            BuildRequest { executable: &program, extra: &[], furnished: true, labels: &labels, tag: None, out: &other };
        build(&order).unwrap().id
    };
    assert_eq!(stdout(&done), expected);
    let script = scratch.0.join("script");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    let refused = image(&script);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("error: "), "{refused:?}");
}
