//! The process tree, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;

use crate::launch::MARK;

/// A living process. Zombies are excluded, because they have released everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
}

/// Returns all living descendants of `root`, without itself. A process that vanishes meanwhile is left out.
pub(super) fn descendants(root: i32) -> Vec<Row> {
    let rows = rows();
    let mut children: BTreeMap<i32, Vec<Row>> = BTreeMap::new();
    for (row, _) in &rows {
        children.entry(row.parent).or_default().push(*row);
    }
    // A zombie remains a parent until it is reaped, so the walk includes zombies and drops them at the end.
    let zombies: BTreeSet<i32> = rows.iter().filter(|(_, zombie)| *zombie).map(|(row, _)| row.pid).collect();
    let mut found: Vec<Row> = Vec::new();
    let mut ahead = vec![root];
    while let Some(pid) = ahead.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        ahead.extend(below.iter().map(|row| row.pid));
        found.extend(below);
    }
    found.retain(|row| !zombies.contains(&row.pid));
    found
}

/// Returns those of the keeper's descendants that belong to the process `leader` with `mark`: its group, its descendants while it
/// lives, and whatever inherited the mark.
pub(super) fn members(keeper: i32, leader: i32, mark: &str, is_over: bool) -> Vec<i32> {
    let all = descendants(keeper);
    let given_away = is_over && is_given_away(&all, leader);
    let under: BTreeSet<i32> = descendants(leader).iter().map(|row| row.pid).collect();
    let related = |row: &Row| row.pid == leader || row.group == leader || under.contains(&row.pid);
    let belongs = |row: &Row| (!given_away && related(row)) || has_mark(row.pid, mark);
    all.into_iter().filter(belongs).map(|row| row.pid).collect()
}

/// Returns those of the keeper's descendants in the group of `leader`, which was collected.
pub(super) fn group_of_ended(keeper: i32, leader: i32) -> Vec<i32> {
    let all = descendants(keeper);
    let given_away = is_given_away(&all, leader);
    all.into_iter().filter(|row| !given_away && row.group == leader).map(|row| row.pid).collect()
}

/// Returns whether the number of `leader`, which was collected, is another's by now. The kernel does not give away the number of a group that has
/// members, so they are then the other's too.
fn is_given_away(all: &[Row], leader: i32) -> bool {
    all.iter().any(|row| row.pid == leader)
}

/// Returns all living processes of this host with their marks, as far as their environment is readable.
pub(super) fn marks() -> impl Iterator<Item = (i32, String)> {
    let rows = rows().into_iter().filter(|(_, zombie)| !zombie).map(|(row, _)| row.pid);
    rows.filter_map(|pid| Some((pid, mark_of(pid)?)))
}

/// Returns all living processes of this host whose mark starts with `prefix`, as far as their environment is readable.
pub fn marked(prefix: &str) -> Vec<i32> {
    marks().filter(|(_, mark)| mark.starts_with(prefix)).map(|(pid, _)| pid).collect()
}

/// Returns the living processes of `root`: itself, all its descendants, and all processes with `mark`.
pub fn family(root: i32, mark: Option<&str>) -> Vec<i32> {
    let under: BTreeSet<i32> = descendants(root).iter().map(|row| row.pid).collect();
    let belongs = |pid: &i32| *pid == root || under.contains(pid) || mark.is_some_and(|mark| has_mark(*pid, mark));
    rows().into_iter().filter(|(_, zombie)| !zombie).map(|(row, _)| row.pid).filter(belongs).collect()
}

/// Returns all living processes of this host with this mark.
pub fn bearers(mark: &str) -> Vec<i32> {
    let rows = rows().into_iter().filter(|(_, zombie)| !zombie).map(|(row, _)| row.pid);
    rows.filter(|pid| has_mark(*pid, mark)).collect()
}

/// Returns the mark in a process's environment.
pub(super) fn mark_of(pid: i32) -> Option<String> {
    let environ = procfs::process::Process::new(pid).ok()?.environ().ok()?;
    let mark = environ.get(std::ffi::OsStr::new(MARK))?;
    Some(String::from_utf8_lossy(mark.as_bytes()).into_owned())
}

fn has_mark(pid: i32, mark: &str) -> bool {
    mark_of(pid).as_deref() == Some(mark)
}

/// Returns every process with whether it is a zombie.
fn rows() -> Vec<(Row, bool)> {
    let Ok(all) = procfs::process::all_processes() else { return Vec::new() };
    let stats = all.flatten().filter_map(|process| process.stat().ok());
    stats
        .map(|stat| (Row { pid: stat.pid, parent: stat.ppid, group: stat.pgrp }, matches!(stat.state, 'Z' | 'X')))
        .collect()
}
