//! Examines the limit of descriptors and the free disk space.

use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::condition::{Condition, State};
use super::source::Source;
use harness_base::units::{Bytes, grouped};

/// Three for each connection of the largest load that was tried (5,000): one per arm and one for its timer; and as many
/// again for a target that has one connection on either side.
const GOOD_DESCRIPTORS: u64 = 32_768;
const FAIR_DESCRIPTORS: u64 = 2_048;

const MIB: f64 = 1_048_576.0;
/// Logs of a long run, and an image that is built from a program.
const GOOD_ROOM: f64 = 1024.0 * MIB;
/// Results and logs of a default run: a result is at most 2 MB.
const FAIR_ROOM: f64 = 64.0 * MIB;

/// Checks how many descriptors a process may open.
pub(super) fn descriptors(_: &Source<'_>) -> Condition {
    judge_descriptors(getrlimit(Resource::RLIMIT_NOFILE).ok())
}

/// Judges the limits. The load child raises its soft limit to the hard one; a target inherits both unchanged.
fn judge_descriptors(limits: Option<(u64, u64)>) -> Condition {
    let (name, why) = ("descriptors", "every connection needs one descriptor in the generator and two in a proxy");
    let Some((soft, hard)) = limits else {
        return Condition::new(name, why, State::Unknown, "the kernel does not report it")
            .improve("check with: ulimit -Sn; ulimit -Hn");
    };
    let of = |limit: u64| State::at_least(limit as f64, GOOD_DESCRIPTORS as f64, FAIR_DESCRIPTORS as f64);
    // A target may raise its soft limit by itself, so a low soft limit alone is only fair.
    let state = of(hard).max(of(soft).min(State::Fair));
    let count = |limit: u64| if limit == RLIM_INFINITY { f64::INFINITY } else { limit as f64 };
    let shown = |limit: u64| if limit == RLIM_INFINITY { "unlimited".to_owned() } else { grouped(limit as f64) };
    let how = if of(hard) == State::Good {
        format!("ulimit -n {}", if hard == RLIM_INFINITY { GOOD_DESCRIPTORS } else { hard })
    } else {
        "sudo prlimit --pid $$ --nofile=65536:65536".to_owned()
    };
    Condition::new(name, why, state, format!("{} (soft), {} (hard)", shown(soft), shown(hard)))
        .number("soft_descriptors", count(soft))
        .number("hard_descriptors", count(hard))
        .improve(how)
}

pub(super) fn disk(source: &Source<'_>) -> Condition {
    let folder = existing(source.results);
    let room = statvfs(&folder).ok().map(|stat| stat.blocks_available().saturating_mul(stat.fragment_size()));
    let writable = folder.is_dir() && access(&folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    judge_disk(&folder, room, writable)
}

/// Returns `path`, or its nearest existing ancestor.
fn existing(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn judge_disk(folder: &Path, room: Option<u64>, writable: bool) -> Condition {
    let (name, why) = ("disk", "a run that cannot write its record loses its measurements");
    let place = folder.display();
    if !writable {
        let how = format!("choose another folder with --out DIR, or check with: ls -ld {place}");
        return Condition::new(name, why, State::Poor, format!("{place} is not a writable folder")).improve(how);
    }
    let Some(room) = room else {
        return Condition::new(name, why, State::Unknown, "unknown").improve(format!("check with: df -h {place}"));
    };
    let state = State::at_least(room as f64, GOOD_ROOM, FAIR_ROOM);
    Condition::new(name, why, state, format!("{} free at {place}", Bytes(room)))
        .number("free_bytes", room as f64)
        .improve(format!("remove old runs, or choose another folder with --out DIR; check with: df -h {place}"))
}

#[cfg(test)]
mod tests {
    use super::super::source::tree::Tree;
    use super::*;

    #[test]
    fn the_hard_limit_decides_and_the_soft_one_is_named() {
        let of = |soft, hard| judge_descriptors(Some((soft, hard)));
        let states = [of(65_536, 65_536), of(1_024, 1 << 20), of(1_024, 4_096), of(256, 1_024)].map(|one| one.state);
        assert_eq!(states, [State::Good, State::Fair, State::Fair, State::Poor]);
        assert_eq!(of(1_024, RLIM_INFINITY).value, "1,024 (soft), unlimited (hard)");
        assert_eq!(of(1_024, RLIM_INFINITY).improve.as_deref(), Some("ulimit -n 32768"));
        assert_eq!(of(1_024, 1 << 20).improve.as_deref(), Some("ulimit -n 1048576"));
        assert!(of(256, 1_024).improve.is_some_and(|how| how.starts_with("sudo prlimit")));
        assert_eq!(judge_descriptors(None).state, State::Unknown);
    }

    #[test]
    fn room_is_looked_for_where_results_would_go() {
        let tree = Tree::new(&[("file", "text")]);
        assert_eq!(existing(&tree.path().join("results/sidecar")), tree.path());
        let folder = tree.path();
        let states = [1 << 30, 64 << 20, 1 << 20].map(|room| judge_disk(folder, Some(room), true).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor]);
        let (shut, silent) = (judge_disk(folder, Some(1 << 40), false), judge_disk(folder, None, true));
        assert_eq!((shut.state, silent.state), (State::Poor, State::Unknown));
        assert!(shut.improve.is_some_and(|how| how.contains("--out DIR")));
    }

    #[test]
    fn room_agrees_with_df() {
        let tree = Tree::new(&[]);
        let stat = statvfs(tree.path()).unwrap();
        let ours = stat.blocks_available().saturating_mul(stat.fragment_size());
        let df = std::process::Command::new("df").args(["-B1", "--output=avail"]).arg(tree.path()).output().unwrap();
        let theirs: u64 = String::from_utf8(df.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap();
        // Other programs may write meanwhile; a wrong unit would be off by a factor of a thousand.
        assert!(ours / 2 <= theirs && theirs / 2 <= ours, "{ours} and {theirs}");
    }
}
