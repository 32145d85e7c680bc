//! Defines the rules that look at one file. Each returns its complaints.

use super::lexer::tokens;
use super::modules::{DEPENDENCIES, LONGEST, Side, TRAITS, UNSAFE, find, may_import, module_of};
use super::{Source, kinds, paths};

/// Finds imports that go up, or sideways without an arrow. Cargo checks those of the crates.
pub fn upward(source: &Source) -> Vec<String> {
    if source.path.starts_with("crates/") {
        return Vec::new();
    }
    let module = source.module();
    let Some(name) = module_of(&module) else { return Vec::new() };
    let Some(from) = find(name) else {
        return vec![format!(
            "{}: module {name} is unknown: add it to tests/fast/architecture/modules.rs",
            source.at(1)
        )];
    };
    let complaint = |path: paths::Path| {
        let to = module_of(&path.segments).filter(|to| *to != name)?;
        let message = match find(to) {
            Some(to) if may_import(from, to) => return None,
            Some(to) => format!("{name} (layer {}) may not import {} (layer {})", from.layer, to.name, to.layer),
            None => format!("{name} (layer {}) may not import {to}, which is an unknown module", from.layer),
        };
        Some(format!("{}: {message}", source.at(path.line)))
    };
    let mut complaints: Vec<String> =
        paths::into_the_crate(&source.code(), &module).into_iter().filter_map(complaint).collect();
    complaints.dedup();
    complaints
}

/// Finds foreign crates outside the modules that may use them. Only modules that act may use Tokio.
pub fn misplaced_dependencies(source: &Source) -> Vec<String> {
    if source.path.starts_with("crates/") {
        return Vec::new();
    }
    let module = source.module();
    let (name, code) = (module_of(&module).unwrap_or("lib"), source.code());
    let mut complaints = Vec::new();
    let mut complain = |dependency: &str, modules: &str| {
        for line in paths::lines_using(&code, dependency) {
            complaints.push(format!("{}: {name} may not use {dependency}: it belongs to {modules}", source.at(line)));
        }
    };
    for (dependency, modules) in DEPENDENCIES.iter().filter(|(_, modules)| !modules.contains(&name)) {
        complain(dependency, &modules.join(", "));
    }
    if find(name).is_none_or(|module| matches!(module.side, Side::Facts | Side::Judging)) {
        complain("tokio", "the modules that act");
    }
    complaints
}

/// Finds unsafe code outside its files, and traits that are not listed.
pub fn restricted_code(source: &Source) -> Vec<String> {
    let code = source.code();
    let words = |word: &str| code.iter().enumerate().filter(|(_, token)| token.text == word).collect::<Vec<_>>();
    let mut complaints = Vec::new();
    if !UNSAFE.contains(&source.path.as_str()) {
        let found = words("unsafe").into_iter();
        complaints
            .extend(found.map(|(_, token)| {
                format!("{}: unsafe code belongs to {}", source.at(token.line), UNSAFE.join(" or "))
            }));
    }
    for (at, token) in words("trait") {
        let name = code.get(at + 1).map_or("", |token| token.text.as_str());
        if !TRAITS.contains(&name) {
            complaints.push(format!("{}: trait {name} is not listed: {}", source.at(token.line), TRAITS.join(", ")));
        }
    }
    complaints
}

/// Finds waived lints without a reason, in test code too.
pub fn unexplained(source: &Source) -> Vec<String> {
    let all = tokens(&source.text);
    let text = |at: usize| all.get(at).map_or("", |token| token.text.as_str());
    let waives = |at: &usize| text(*at) == "[" && matches!(text(*at + 1), "allow" | "expect") && text(*at + 2) == "(";
    let explained =
        |at: usize| all[at..].iter().take_while(|token| token.text != "]").any(|token| token.text == "reason");
    let found = (0..all.len()).filter(waives).filter(|at| !explained(*at));
    found.map(|at| format!("{}: a lint is waived without a reason", source.at(all[at].line))).collect()
}

/// Finds a file with too many lines.
pub fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let text = || format!("{}: {lines} lines; a file may have {LONGEST}", source.at(lines));
    if lines > LONGEST { vec![text()] } else { Vec::new() }
}

/// Finds names of kinds outside their folders.
pub fn names_a_kind(source: &Source) -> Vec<String> {
    const ENUMS: [&str; 6] = ["StageKind", "StageFacts", "InstanceFacts", "Detail", "Work", "stages"];
    let own = source.path.strip_prefix("stages/").and_then(|path| path.split_once('/')).map(|(kind, _)| kind);
    let code = source.code();
    let text = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
    let names = |at: &usize| {
        let kind = text(*at + 2).to_lowercase();
        ENUMS.contains(&text(*at)) && text(*at + 1) == "::" && Some(kind.as_str()) != own && kinds().contains(&kind)
    };
    let found = (0..code.len()).filter(names);
    found.map(|at| format!("{}: {} is named outside its folder", source.at(code[at].line), text(at + 2))).collect()
}
