//! Images made from real programs, loaded and run by a real engine where there is one, and images read back.
mod build;
mod closure;
mod engine;
mod facts;
mod layout;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Scratch;

/// Returns a program of C with a library of its own in `lib`, which needs another one in `lib/deep`; both are found
/// through what the files say about `$ORIGIN` only.
fn program_with_libraries(scratch: &Scratch) -> PathBuf {
    let folder = &scratch.0;
    std::fs::create_dir_all(folder.join("lib/deep")).unwrap();
    std::fs::write(folder.join("inner.c"), "int inner(void) { return 40; }\n").unwrap();
    std::fs::write(folder.join("outer.c"), "int inner(void);\nint outer(void) { return inner() + 2; }\n").unwrap();
    let main =
        "#include <stdio.h>\nint outer(void);\nint main(void) { printf(\"answer %d\\n\", outer()); return 7; }\n";
    std::fs::write(folder.join("main.c"), main).unwrap();
    cc(folder, &["-shared", "-fPIC", "-o", "lib/deep/libinner.so", "inner.c", "-Wl,-soname,libinner.so"]);
    let runpath = "-Wl,--enable-new-dtags,-rpath,$ORIGIN/deep";
    cc(folder, &["-shared", "-fPIC", "-o", "lib/libouter.so", "outer.c", "-Llib/deep", "-linner", runpath]);
    let rpath = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib";
    let link = "-Wl,--allow-shlib-undefined";
    cc(folder, &["-o", "program", "main.c", "-Llib", "-louter", rpath, link]);
    folder.join("program")
}

/// The C compiler is there wherever Rust programs are linked.
fn cc(folder: &Path, arguments: &[&str]) {
    let status = Command::new("cc").current_dir(folder).args(arguments).status().unwrap();
    assert!(status.success(), "cc {arguments:?}");
}
