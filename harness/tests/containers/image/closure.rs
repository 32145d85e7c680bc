//! Compares the libraries that executables need with those that the kernel and the loader really mapped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness_image::{self, Closure, Error};

use super::{cc, program_with_libraries};
use crate::support::Scratch;

fn real(closure: &Closure) -> BTreeSet<PathBuf> {
    let libraries = closure.libraries.iter().map(|library| &library.path);
    libraries.chain(&closure.interpreter).map(|path| path.canonicalize().unwrap()).collect()
}

/// Returns files mapped as programs or libraries by a process.
fn mapped(pid: &str) -> BTreeSet<PathBuf> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let executable = maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|mode| mode.contains('x')));
    let files = executable.filter_map(|line| line.split_whitespace().nth(5)).filter(|name| name.starts_with('/'));
    files.map(PathBuf::from).collect()
}

#[test]
fn everything_that_the_kernel_mapped_into_this_process_is_needed_by_it() {
    let own = std::env::current_exe().unwrap();
    let closure = harness_image::closure(&own).unwrap();
    let mut expected = mapped("self");
    assert!(expected.remove(&own.canonicalize().unwrap()), "{expected:?}");
    assert!(expected.len() >= 2, "at least the loader and the C library: {expected:?}");
    let found = real(&closure);
    assert!(expected.is_subset(&found), "mapped {expected:?}\nfound {found:?}");
    assert!(closure.interpreter.is_some());
    let c_library = closure.libraries.iter().find(|library| library.name == "libc.so.6").unwrap();
    assert_eq!(c_library.needed_by, own.canonicalize().unwrap());
}

#[test]
fn a_running_shell_maps_what_was_foretold() {
    let mut shell = std::process::Command::new("/bin/sh");
    let mut child = shell.args(["-c", "read x"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let found = real(&harness_image::closure(Path::new("/bin/sh")).unwrap());
    let own = Path::new("/bin/sh").canonicalize().unwrap();
    let begun = std::time::Instant::now();
    // Until exec and the loader are through, fewer files are mapped.
    let mut seen = BTreeSet::new();
    while !(seen.contains(&own) && seen.len() > found.len()) && begun.elapsed().as_secs() < 60 {
        seen = mapped(&child.id().to_string());
    }
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(seen.remove(&own), "{seen:?}");
    assert_eq!(seen, found);
}

#[test]
fn a_large_server_has_all_its_libraries() {
    for program in ["/usr/sbin/nginx", "/usr/sbin/haproxy"].map(Path::new).into_iter().filter(|path| path.exists()) {
        let found = real(&harness_image::closure(program).unwrap());
        // Only here, as the second opinion: the loader itself lists what it would load.
        let listed = std::process::Command::new("ldd").arg(program).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let paths = listed.split_whitespace().filter(|word| word.starts_with('/'));
        let expected: BTreeSet<PathBuf> = paths.map(|path| Path::new(path).canonicalize().unwrap()).collect();
        assert!(expected.len() > 3, "{listed}");
        assert_eq!(found, expected, "{}", program.display());
    }
}

#[test]
fn folders_that_the_files_name_are_looked_through() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    let closure = harness_image::closure(&program).unwrap();
    let by_name = |name: &str| closure.libraries.iter().find(|library| library.name == name).unwrap();
    let outer = by_name("libouter.so");
    assert_eq!(outer.path.canonicalize().unwrap(), scratch.0.join("lib/libouter.so").canonicalize().unwrap());
    let inner = by_name("libinner.so");
    assert_eq!(inner.path.canonicalize().unwrap(), scratch.0.join("lib/deep/libinner.so").canonicalize().unwrap());
    assert_eq!(inner.needed_by, outer.path);
}

#[test]
fn a_missing_library_is_reported_with_who_needs_it() {
    let scratch = Scratch::new();
    let program = program_with_libraries(&scratch);
    std::fs::remove_file(scratch.0.join("lib/deep/libinner.so")).unwrap();
    let error = harness_image::closure(&program).unwrap_err();
    let said = error.to_string();
    let Error::NoLibrary { name, by, .. } = error else { panic!("{said}") };
    assert!(name == "libinner.so" && by.ends_with("lib/libouter.so"), "{said}");
    assert!(said.contains("lib/deep, /lib/"), "{said}");
    // A library of another kind of file at the right place is passed over.
    std::fs::write(scratch.0.join("lib/deep/libinner.so"), "no library").unwrap();
    assert!(matches!(harness_image::closure(&program), Err(Error::NoLibrary { .. })));
}

#[test]
fn a_static_program_needs_nothing() {
    let scratch = Scratch::new();
    std::fs::write(scratch.0.join("main.c"), "int main(void) { return 0; }\n").unwrap();
    cc(&scratch.0, &["-static", "-o", "program", "main.c"]);
    let closure = harness_image::closure(&scratch.0.join("program")).unwrap();
    assert!(closure.libraries.is_empty() && closure.interpreter.is_none(), "{closure:?}");
}

#[test]
fn a_file_that_this_host_cannot_run_is_described() {
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    std::fs::write(&file, "#!/bin/sh\nexec true\n").unwrap();
    assert!(matches!(harness_image::closure(&file), Err(Error::Script { line, .. }) if line == "#!/bin/sh"));
    std::fs::write(&file, "plain text").unwrap();
    assert!(matches!(harness_image::closure(&file), Err(Error::NoProgram { .. })));
    assert!(matches!(harness_image::closure(&scratch.0), Err(Error::NoProgram { .. })));
    assert!(matches!(harness_image::closure(&scratch.0.join("absent")), Err(Error::Unreadable { .. })));
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut foreign = own.clone();
    // e_machine: one that no Rust host has, and one that is known by name.
    for (machine, named) in [(243_u16, "riscv64"), (8, "machine 8 of 64 bits")] {
        foreign[18..20].copy_from_slice(&machine.to_le_bytes());
        std::fs::write(&file, &foreign).unwrap();
        let said = harness_image::closure(&file).unwrap_err();
        assert!(matches!(&said, Error::WrongMachine { found, .. } if found == named), "{said}");
    }
    for cut in [5, 17, 63, 64, 200] {
        std::fs::write(&file, &own[..cut]).unwrap();
        assert!(matches!(harness_image::closure(&file), Err(Error::NoProgram { .. })), "{cut} bytes");
    }
    let library = harness_image::closure(&std::env::current_exe().unwrap()).unwrap().libraries;
    let unstartable = library.iter().find(|library| library.name.starts_with("libgcc_s")).unwrap();
    assert!(matches!(harness_image::closure(&unstartable.path), Err(Error::NoProgram { .. })));
}
