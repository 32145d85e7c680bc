//! Finds circles of files: files that import each other, directly or through others.
//!
//! A file and the folder of its submodules are one module to those outside, so that a submodule may use what the file above it
//! defines, and the file its submodules; everything else counts. In the libraries, that counts as a circle too.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;
use super::paths::into_files;

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Returns the circles among the files of one crate, each as the sorted paths of its files.
pub fn circles(sources: &[&Source], library: bool) -> Vec<Vec<String>> {
    let graph = graph(sources, library);
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|file| (*file, reach(&graph, file))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for (file, beyond) in &reached {
        let both = |other: &&&str| reached[**other].contains(file);
        let circle: Vec<String> = beyond.iter().filter(both).map(|other| (*other).to_owned()).collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// Returns everything that a file imports, directly or through others; the file itself too where that leads back to it.
fn reach<'a>(graph: &Graph<'a>, file: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = graph[file].iter().copied().collect();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(&graph[next]);
        }
    }
    found
}

fn graph<'a>(sources: &[&'a Source], library: bool) -> Graph<'a> {
    let files: BTreeMap<Vec<String>, &'a str> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| (inside(source), source.path.as_str()))
        .collect();
    let kinds: BTreeSet<&String> =
        files.keys().filter(|module| module.len() > 2 && module[0] == "stages").map(|module| &module[1]).collect();
    let imports = |source: &&'a Source| {
        let module = inside(source);
        let paths = into_files(&source.code(), &module).into_iter().map(|path| path.segments);
        let meant = paths.flat_map(|path| each_kind(path, &kinds));
        let found = meant.filter_map(|path| (1..=path.len()).rev().find_map(|end| files.get(&path[..end]).copied()));
        let others = found.filter(|file| *file != source.path && (library || !is_above(file, &source.path)));
        (source.path.as_str(), others.collect())
    };
    sources.iter().filter(|source| !source.is_test()).map(imports).collect()
}

/// Replaces `$kind` of a macro by every kind.
fn each_kind(path: Vec<String>, kinds: &BTreeSet<&String>) -> Vec<Vec<String>> {
    if path.len() < 2 || path[0] != "stages" || !path[1].starts_with('$') {
        return vec![path];
    }
    let of = |kind: &&String| [&[path[0].clone(), (*kind).clone()], &path[2..]].concat();
    kinds.iter().map(of).collect()
}

/// Returns whether `file` declares the folder in which `other` lies.
fn is_above(file: &str, other: &str) -> bool {
    file.strip_suffix(".rs").and_then(|folder| other.strip_prefix(folder)).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns the module of a file within its crate.
fn inside(source: &Source) -> Vec<String> {
    let module = source.module();
    match module.iter().position(|segment| segment == "src") {
        Some(at) => {
            let module = module[at + 1..].to_vec();
            if module == ["lib"] { Vec::new() } else { module }
        }
        None => module,
    }
}
