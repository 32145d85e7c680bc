//! Checks rules of the architecture that the compiler does not know: imports between layers, dependencies of modules, lengths of files.
mod circles;
mod errors;
mod lexer;
mod modules;
mod paths;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lexer::{Token, tokens, without_tests};
use modules::{MODULES, UNSAFE, find, may_import};
use rules::{misplaced_dependencies, names_a_kind, restricted_code, too_long, unexplained, upward};

/// A source file: its path below `src` and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Returns its module: `load/spec.rs` is `["load", "spec"]`, `lib.rs` the root of the crate.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
    }

    /// Returns whether it is a module of tests in a file of its own.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    fn code(&self) -> Vec<Token> {
        if self.is_test() { Vec::new() } else { without_tests(&tokens(&self.text)) }
    }

    fn at(&self, line: usize) -> String {
        let folder = match self.path.split('/').next() {
            Some("crates" | "examples" | "tests") => "harness/",
            Some("mock-upstream") => "",
            _ => "harness/src/",
        };
        format!("{folder}{}:{line}", self.path)
    }
}

fn all_sources() -> Vec<Source> {
    // At run time, so that the built test can look at another working copy.
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let mut sources = Vec::new();
    gather(&root, &root, &mut sources);
    let package = root.parent().unwrap();
    gather(package, &package.join("crates"), &mut sources);
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn gather(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

#[track_caller]
fn holds(rule: fn(&Source) -> Vec<String>) {
    let sources = all_sources();
    assert!(sources.len() > 20, "the sources were not found");
    let complaints: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_go_down_only() {
    holds(upward);
}

#[test]
fn dependencies_are_used_in_their_modules_only() {
    holds(misplaced_dependencies);
}

#[test]
fn unsafe_code_and_traits_stay_few() {
    holds(restricted_code);
}

#[test]
fn every_waived_lint_has_a_reason() {
    holds(unexplained);
}

#[test]
fn files_stay_short() {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let mut sources = all_sources();
    for folder in ["examples", "tests"] {
        gather(&package, &package.join(folder), &mut sources);
    }
    gather(&package.join(".."), &package.join("../mock-upstream"), &mut sources);
    assert!(sources.iter().any(|source| source.path == "tests/fast/architecture.rs"), "the tests were not found");
    let long: Vec<String> = sources.iter().flat_map(too_long).collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

/// Returns the crate of a source file.
fn crate_of(source: &Source) -> &str {
    source.path.split_once("/src/").map_or("harness", |(name, _)| name)
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut sources = all_sources();
    let top = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("..");
    gather(&top, &top.join("mock-upstream/src"), &mut sources);
    let mut crates: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
    sources.iter().for_each(|source| crates.entry(crate_of(source)).or_default().push(source));
    assert!(crates.len() > 6, "{:?}", crates.keys());
    let circles: Vec<String> = crates
        .iter()
        .flat_map(|(name, sources)| circles::circles(sources, *name != "harness"))
        .map(|circle| format!("these files import each other: {}", circle.join(", ")))
        .collect();
    assert!(circles.is_empty(), "\n{}\n", circles.join("\n"));
}

#[test]
fn a_circle_is_caught_and_a_submodule_may_use_the_file_above_it() {
    let found = |files: &[(&str, &str)]| {
        let source = |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
        let sources: Vec<Source> = files.iter().map(source).collect();
        circles::circles(&sources.iter().collect::<Vec<_>>(), false)
    };
    let direct = found(&[("run/a.rs", "use super::b::B;"), ("run/b.rs", "fn of() -> crate::run::a::A { 'a' }")]);
    assert_eq!(direct, [["run/a.rs", "run/b.rs"]]);
    let through = found(&[
        ("run.rs", "mod a; pub use a::A;"),
        ("run/a.rs", "use crate::work::W;"),
        ("work.rs", "macro_rules! w { () => { crate::stages::$kind::work::W } }"),
        ("stages/soak/work.rs", "use crate::run::A;"),
    ]);
    assert_eq!(through, [["run.rs", "run/a.rs", "stages/soak/work.rs", "work.rs"]]);
    let above = found(&[("run.rs", "mod a; use a::A;"), ("run/a.rs", "use super::Halt; use crate::run::Halt;")]);
    assert_eq!(above, [] as [[&str; 0]; 0]);
    let files = [("crates/a/src/b.rs", "mod c; pub use c::C;"), ("crates/a/src/b/c.rs", "use super::B;")];
    let sources = files.map(|(path, text)| Source { path: path.to_owned(), text: text.to_owned() });
    let library = circles::circles(&sources.each_ref(), true);
    assert_eq!(library, [["crates/a/src/b.rs", "crates/a/src/b/c.rs"]]);
    let tests = found(&[("a.rs", "use crate::b::B;"), ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }")]);
    assert_eq!(tests, [] as [[&str; 0]; 0]);
}

/// Returns the kinds of stages: the folders below `stages`.
fn kinds() -> &'static [String] {
    static KINDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let sources = all_sources();
        let folders = sources.iter().filter_map(|source| Some(source.path.strip_prefix("stages/")?.split_once('/')?.0));
        folders.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    });
    &KINDS
}

#[test]
fn a_kind_of_stage_is_named_in_its_folder_only() {
    holds(names_a_kind);
    assert_eq!(complaints(names_a_kind, "run.rs", "match kind { StageKind::Idle => stages::soak::run() }").len(), 2);
    assert_eq!(complaints(names_a_kind, "stages/idle/run.rs", "StageKind::Idle; Work::$Kind"), [""; 0]);
}

/// Returns the complaints of a rule about a file with this path and text.
fn complaints(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    rule(&Source { path: path.to_owned(), text: text.to_owned() })
}

#[test]
fn an_upward_import_is_caught_in_every_spelling() {
    let expected = ["harness/src/interop.rs:2: interop (layer 1) may not import run (layer 5)"];
    for text in [
        "\nuse crate::run::Run;",
        "\nuse crate::{spec::Tree, run::{self, Run}};",
        "\nuse super::run;",
        "\nuse super::{measure::Metric, run as away, spec};",
        "\nfn of() -> crate::run::Run { 'a' }",
        "\npub(crate) fn of(x: &crate::run::Run<'_>) {}",
        "\nuse {crate::run::Run, std::fmt};",
        "/* crate::cli */\nuse crate::/* up */run::Run; // crate::cli::main",
        "const TEXT: &str = r#\"crate::cli\"#;\nmod inner { use super::super::run::Run; }",
        "#[cfg(test)] use crate::cli;\nuse crate::run;",
        "#[cfg(test)] mod tests { use crate::cli::main; }\nuse crate::run;",
        "fn quoted(_: char) { quoted('\"') }\nuse crate::run;",
        "fn escaped(_: &str, _: char) { escaped(\"\\\"\", '\\'') }\nuse crate::run;",
        "#[cfg(test)] use crate::{cli, cli::main};\nuse crate::run;",
    ] {
        assert_eq!(complaints(upward, "interop.rs", text), expected, "{text}");
    }
    let deep = complaints(upward, "report/engine/users.rs", "use super::super::super::plan::Plan;");
    assert_eq!(deep, ["harness/src/report/engine/users.rs:1: report (layer 1) may not import plan (layer 4)"]);
    let kind =
        complaints(upward, "stages/soak/run.rs", "use crate::stages::soak::judge::Growth;\nuse super::work::Work;");
    assert_eq!(kind, ["harness/src/stages/soak/run.rs:1: run (layer 5) may not import verdict (layer 1)"]);
    let each = complaints(upward, "work.rs", "macro_rules! works { () => { crate::stages::$kind::spec::KIND } }");
    assert_eq!(each, ["harness/src/work.rs:1: work (layer 2) may not import scenario (layer 3)"]);
    let named = complaints(upward, "cli.rs", "use crate::{run, progress};\nuse crate::main;");
    assert_eq!(named, ["harness/src/cli.rs:2: cli (layer 6) may not import main (layer 6)"]);
}

#[test]
fn an_import_within_a_layer_must_be_listed() {
    assert_eq!(complaints(upward, "report.rs", "use crate::verdict::Judgement;"), [""; 0]);
    let beside = complaints(upward, "interop/look.rs", "use crate::report::Table;");
    assert_eq!(beside, ["harness/src/interop/look.rs:1: interop (layer 1) may not import report (layer 1)"]);
    assert_eq!(complaints(upward, "verdict.rs", "use crate::report::Table;").len(), 1);
    assert_eq!(complaints(upward, "spec.rs", "use crate::measure::Record;").len(), 1);
    assert_eq!(complaints(upward, "run.rs", "use crate::progress::Bar;").len(), 1);
    assert_eq!(complaints(upward, "main.rs", "fn main() { harness::cli::main() }"), [""; 0]);
    assert_eq!(complaints(upward, "main.rs", "use harness::{cli, run};"), [""; 0]);
    assert_eq!(complaints(upward, "attic.rs", "").len(), 1, "a module that is not listed");
    assert_eq!(complaints(upward, "interop.rs", "use crate::attic::Box;").len(), 1, "an import from one");
}

#[test]
fn allowed_imports_are_not_reported() {
    let text = "//! crate::run\nuse super::{Cost, worker::LEAD};\nuse self::inner::Thing;\nuse crate::spec::Tree;\n\
        /// See [`crate::run`].\nconst TEXT: &str = \"crate::run\";\n#[cfg(test)]\nmod tests { use crate::run::Run; }";
    assert_eq!(complaints(upward, "measure/tree.rs", text), [""; 0]);
    assert_eq!(complaints(upward, "measure/tests.rs", "use crate::run::Run;"), [""; 0]);
    assert_eq!(complaints(upward, "lib.rs", "pub use crate::run::Run;"), [""; 0]);
}

#[test]
fn a_dependency_in_the_wrong_module_is_found() {
    for (path, text) in [
        ("measure/usage.rs", "use tokio::sync::oneshot;"),
        ("report.rs", "#[tokio::main] async fn main() {}"),
        ("report.rs", "use harness_load::Generator;"),
        ("report.rs", "fn of(_: hyper::Request<()>) {}"),
        ("run.rs", "use {std::fmt, indicatif::ProgressBar};"),
        ("plan.rs", "use clap;"),
        ("scenario.rs", "use harness_stats::Sample;"),
    ] {
        assert_eq!(complaints(misplaced_dependencies, path, text).len(), 1, "{path}: {text}");
    }
    assert_eq!(
        complaints(misplaced_dependencies, "run/users.rs", "use harness_load::Generator;\nuse tokio::time;"),
        [""; 0]
    );
    assert_eq!(complaints(misplaced_dependencies, "report.rs", "fn of(clap: u8) { other::clap::of(clap) }"), [""; 0]);
}

#[test]
fn unsafe_code_an_unlisted_trait_a_waiver_without_reason_and_a_long_file_are_found() {
    let code = "unsafe { fork() }; trait Plugin {} pub trait Launcher {}";
    assert_eq!(complaints(restricted_code, "target.rs", code).len(), 2);
    assert_eq!(complaints(restricted_code, UNSAFE[0], "unsafe { pre_exec() }"), [""; 0]);
    assert_eq!(complaints(restricted_code, "run.rs", "#[allow(unsafe_code, reason = \"trait X\")] mod x {}"), [""; 0]);
    assert_eq!(complaints(unexplained, "run.rs", "#![allow(dead_code)]\n#[expect(unused)] fn f() {}").len(), 2);
    assert_eq!(complaints(unexplained, "run.rs", "#[cfg(test)] mod t { #[allow(dead_code)] fn f() {} }").len(), 1);
    assert_eq!(
        complaints(unexplained, "run.rs", "#[allow(dead_code, reason = \"]\")] fn f() { x.expect(\"\") }"),
        [""; 0]
    );
    assert_eq!(complaints(too_long, "run.rs", &"\n".repeat(401)).len(), 1);
    assert_eq!(complaints(too_long, "run.rs", &"\n".repeat(400)), [""; 0]);
}

#[test]
fn listed_imports_stay_within_a_layer_and_a_side() {
    for from in MODULES {
        for name in from.beside {
            let to = find(name).unwrap();
            assert!(
                to.layer == from.layer && to.side == from.side,
                "{} → {name} leaves the layer or the side",
                from.name
            );
            assert!(!may_import(to, from), "{} and {name} import each other", from.name);
        }
    }
}
