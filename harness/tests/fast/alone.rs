//! The rule of the binary `measuring`: with `cargo test`, its tests run on threads of one process, so each says at its beginning
//! whether others may run at the same time.

use std::path::Path;

/// Returns the tests in `text` whose first statement takes neither guard.
fn beside_others(text: &str) -> Vec<&str> {
    let tests = text.split("#[test]\n").skip(1).chain(text.split("#[tokio::test]\n").skip(1));
    let careless = tests.filter_map(|test| {
        let (head, body) = test.split_once("{\n")?;
        let guards = ["let _alone = alone();", "let _beside = beside();"];
        (!guards.iter().any(|guard| body.trim_start().starts_with(guard))).then_some(head.trim())
    });
    careless.collect()
}

#[test]
fn every_test_that_measures_runs_alone() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/measuring")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(beside_others(&text), [""; 0], "{}: begin with `let _alone = alone();`", path.display());
                read += 1;
            }
        }
    }
    assert!(read > 15, "{read} files");
}

#[test]
fn a_test_that_forgets_it_is_found() {
    let text = "#[test]\nfn one() {\n    let _alone = alone();\n}\n#[tokio::test]\nasync fn two() {\n    run();\n}\n";
    assert_eq!(beside_others(text), ["async fn two()"]);
    assert_eq!(beside_others("#[test]\n#[ignore = \"slow\"]\nfn three() {\n}\n").len(), 1);
}
