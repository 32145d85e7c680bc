//! Examines the range of ephemeral ports: every connection of a generator or a proxy needs one.

use std::path::Path;

use super::condition::{Condition, State};
use super::source::{Source, text, word};
use harness_base::units::grouped;

/// Twice the connections of the largest load that was tried (5,000): to the target, and from the target to the
/// upstream.
const GOOD_FREE: f64 = 10_000.0;
/// Enough for some hundred connections of a target that opens one per request.
const FAIR_FREE: f64 = 2_000.0;

/// Checks the ephemeral ports and the closed connections that still occupy one.
pub(super) fn ports(source: &Source<'_>) -> Condition {
    judge(range(source.root), time_wait(source.root))
}

fn range(root: &Path) -> Option<(u64, u64)> {
    let text = word(root, "proc/sys/net/ipv4/ip_local_port_range")?;
    let (low, high) = text.split_once(char::is_whitespace)?;
    Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
}

/// Counts connections in `TIME_WAIT`, of IPv4 and IPv6.
fn time_wait(root: &Path) -> Option<u64> {
    let text = text(root, "proc/net/sockstat")?;
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    let mut fields = line.split_whitespace().skip_while(|field| *field != "tw");
    fields.nth(1)?.parse().ok()
}

fn judge(range: Option<(u64, u64)>, time_wait: Option<u64>) -> Condition {
    let (name, why) =
        ("ports", "a connection without a free port fails, which is an error of the host, not of the target");
    let Some((low, high)) = range.filter(|(low, high)| low <= high) else {
        let how = "check with: sysctl net.ipv4.ip_local_port_range";
        return Condition::new(name, why, State::Unknown, "the kernel reports no range").improve(how);
    };
    let all = (high - low).saturating_add(1);
    let waiting = time_wait.unwrap_or(0);
    let free = all.saturating_sub(waiting);
    let shown =
        time_wait.map_or("TIME_WAIT unknown".to_owned(), |count| format!("{} in TIME_WAIT", grouped(count as f64)));
    let state = State::at_least(free as f64, GOOD_FREE, FAIR_FREE);
    let how = if waiting > all / 2 {
        "wait a minute, because a closed connection keeps its port for 60 s; watch with: ss -s"
    } else {
        "sudo sysctl -w net.ipv4.ip_local_port_range='16384 65535'"
    };
    Condition::new(name, why, state, format!("{} ({low} to {high}), {shown}", grouped(all as f64)))
        .number("range_ports", all as f64)
        .number("time_wait_connections", time_wait.map_or(f64::NAN, |count| count as f64))
        .improve(how)
}

#[cfg(test)]
mod tests {
    use super::super::source::tree::Tree;
    use super::*;

    #[test]
    fn the_range_and_what_waits_are_read() {
        let tree = Tree::new(&[
            ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
            (
                "proc/net/sockstat",
                "sockets: used 171\nTCP: inuse 127 orphan 0 tw 762 alloc 127 mem 14\nUDP: inuse 0 mem 0\n",
            ),
        ]);
        let (range, waiting) = (range(tree.path()), time_wait(tree.path()));
        assert_eq!((range, waiting), (Some((32_768, 60_999)), Some(762)));
        let found = judge(range, waiting);
        assert_eq!((found.state, found.value.as_str()), (State::Good, "28,232 (32768 to 60999), 762 in TIME_WAIT"));
    }

    #[test]
    fn a_narrow_range_and_a_used_up_one_need_different_cures() {
        let narrow = judge(Some((32_768, 36_767)), Some(5));
        assert_eq!(narrow.state, State::Fair);
        assert!(narrow.improve.is_some_and(|how| how.contains("sysctl -w")));
        let used = judge(Some((32_768, 60_999)), Some(27_000));
        assert_eq!(used.state, State::Poor);
        assert!(used.improve.is_some_and(|how| how.contains("60 s")));
        let silent = judge(Some((1, 50_000)), None);
        assert!(silent.value.ends_with("TIME_WAIT unknown") && !silent.numbers.contains_key("time_wait_connections"));
        assert_eq!((judge(None, Some(1)).state, judge(Some((9, 8)), None).state), (State::Unknown, State::Unknown));
    }
}
