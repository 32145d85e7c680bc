//! Examines memory and swap.

use std::path::Path;

use super::condition::{Condition, State};
use super::source::{Source, text};
use harness_base::units::Bytes;

const MIB: f64 = 1_048_576.0;
/// Enough for a target, the load child with thousands of connections (135 MiB at 5,000) and the page cache of both
/// programs.
const GOOD_BYTES: f64 = 1024.0 * MIB;
/// Enough for a small target and the load child with few connections.
const FAIR_BYTES: f64 = 256.0 * MIB;

/// Reads the line `field` of `/proc/meminfo`, in bytes.
fn bytes(root: &Path, field: &str) -> Option<u64> {
    let text = text(root, "proc/meminfo")?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib.saturating_mul(1024))
}

/// Checks the memory that is available without swapping.
pub(super) fn memory(source: &Source<'_>) -> Condition {
    judge_memory(bytes(source.root, "MemAvailable"), bytes(source.root, "MemTotal"))
}

fn judge_memory(available: Option<u64>, total: Option<u64>) -> Condition {
    let why = "a host that is short of memory takes pages from the target, so its RSS shrinks and its latencies grow";
    let how = "stop programs that use memory; check with: ps aux --sort=-rss | head";
    let Some(available) = available else {
        let message = "not in /proc/meminfo";
        return Condition::new("memory", why, State::Unknown, message).improve("check with: cat /proc/meminfo");
    };
    let of = total.map(|total| format!(" of {}", Bytes(total))).unwrap_or_default();
    let state = State::at_least(available as f64, GOOD_BYTES, FAIR_BYTES);
    Condition::new("memory", why, state, format!("{} available{of}", Bytes(available)))
        .number("available_bytes", available as f64)
        .improve(how)
}

/// Checks the amount of memory that is swapped out.
pub(super) fn swap(source: &Source<'_>) -> Condition {
    judge_swap(bytes(source.root, "SwapTotal"), bytes(source.root, "SwapFree"))
}

fn judge_swap(total: Option<u64>, free: Option<u64>) -> Condition {
    let why = "swapped pages of the target are missing from its RSS, and a request that needs them waits for the disk";
    let (Some(total), Some(free)) = (total, free) else {
        let message = "not in /proc/meminfo";
        return Condition::new("swap", why, State::Unknown, message).improve("check with: cat /proc/meminfo");
    };
    let used = total.saturating_sub(free);
    let (state, message) = match (total, used) {
        (0, _) => (State::Good, "none".to_owned()),
        (_, 0) => (State::Good, format!("{}, none of it in use", Bytes(total))),
        _ => (State::Fair, format!("{} of {} in use", Bytes(used), Bytes(total))),
    };
    Condition::new("swap", why, state, message)
        .number("used_bytes", used as f64)
        .improve("sudo swapoff -a && sudo swapon -a")
}

#[cfg(test)]
mod tests {
    use super::super::source::tree::Tree;
    use super::*;

    #[test]
    fn fields_are_reported_by_their_whole_name() {
        let meminfo = "MemTotal:        4096 kB\nMemAvailable:    1024 kB\nSwapTotalish: 7 kB\nSwapTotal:   0 kB\nSwapFree: x kB\n";
        let tree = Tree::new(&[("proc/meminfo", meminfo)]);
        let found =
            ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "None"].map(|field| bytes(tree.path(), field));
        assert_eq!(found, [Some(4 << 20), Some(1 << 20), Some(0), None, None]);
    }

    #[test]
    fn little_memory_and_used_swap_are_reported() {
        let states = [1 << 30, 256 << 20, 200 << 20].map(|available| judge_memory(Some(available), None).state);
        assert_eq!(states, [State::Good, State::Fair, State::Poor]);
        assert_eq!(judge_memory(Some(1 << 20), Some(4 << 20)).value, "1.00 MiB available of 4.00 MiB");
        let of = |total, free| judge_swap(total, free).state;
        let states = [of(Some(0), Some(0)), of(Some(9), Some(9)), of(Some(9), Some(8)), of(None, Some(8))];
        assert_eq!(states, [State::Good, State::Good, State::Fair, State::Unknown]);
    }
}
