//! Finds the processes that use the CPUs of this host.

use std::collections::BTreeMap;
use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};

use harness_base::units::Nanos;

/// Share of one CPU from which a neighbour is named.
const WORTH: f64 = 0.01;

/// A process that used CPU time.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    pub pid: i32,
    /// Its name as the kernel has it, at most 15 bytes.
    pub name: String,
    /// CPU time ÷ wall time, so it exceeds 1 with several threads.
    pub share: f64,
}

/// CPU time of every process so far, in clock ticks, and its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accounts(BTreeMap<Identity, (String, u64)>);

/// Pid and start time, because a pid can be reused.
type Identity = (i32, u64);

/// Reads the CPU time of all processes except this one; `None` if processes are not visible.
pub fn accounts(root: &Path) -> Option<Accounts> {
    let own = std::process::id().cast_signed();
    let entries = std::fs::read_dir(root.join("proc")).ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter(|pid| *pid != own);
    let account = |pid: i32| {
        let stat = std::fs::read_to_string(root.join(format!("proc/{pid}/stat"))).ok()?;
        let (name, ticks, started) = parse(&stat)?;
        Some(((pid, started), (name, ticks)))
    };
    Some(Accounts(pids.filter_map(account).collect()))
}

/// Parses name, CPU time and start time from a line such as `7 (a b) c) S 1 …`; the name ends at the last parenthesis.
fn parse(stat: &str) -> Option<(String, u64, u64)> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    // Fields are counted from the state, which is the third field of the line.
    Some((name.to_owned(), field(11)? + field(12)?, field(19)?))
}

/// Returns the processes that used CPU time between two readings `span` apart, the busiest first. All CPU time of a
/// process that started in between counts.
pub fn between(before: &Accounts, after: &Accounts, span: Nanos) -> Vec<Neighbour> {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let used = |(identity, (name, ticks)): (&Identity, &(String, u64))| {
        let earlier = before.0.get(identity).map_or(0, |(_, ticks)| *ticks);
        let seconds = ticks.saturating_sub(earlier) as f64 / per_second;
        let share = seconds / span.as_secs_f64();
        (share.is_finite() && share >= WORTH).then(|| Neighbour { pid: identity.0, name: name.clone(), share })
    };
    let mut found: Vec<Neighbour> = after.0.iter().filter_map(used).collect();
    found.sort_by(|one, other| other.share.total_cmp(&one.share).then(one.pid.cmp(&other.pid)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::clock::Mono;

    fn stat(name: &str, user: u64, system: u64, started: u64) -> String {
        format!("7 ({name}) S 1 7 7 0 -1 4194304 1 2 3 4 {user} {system} 90 91 20 0 1 0 {started} 1 2 3\n")
    }

    #[test]
    fn cpu_time_is_counted_by_process_and_start_time() {
        let own = std::process::id();
        let root = std::env::temp_dir().join(format!("harness-neighbours-{own}"));
        let write = |path: &str, text: &str| {
            let path = root.join("proc").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("7/stat", &stat("a (b) c", 10, 5, 900));
        write("8/stat", &stat("gone", 10, 5, 901));
        write("9/stat", &stat("idle", 10, 5, 902));
        write("10/stat", "garbage");
        write("net/stat", "");
        write(&format!("{own}/stat"), &stat("own", 10, 5, 903));
        let before = accounts(&root).unwrap();
        assert_eq!(before.0.len(), 3);
        write("7/stat", &stat("a (b) c", 60, 55, 900));
        // The pid was reused: all CPU time of the new process was used since then.
        write("8/stat", &stat("new", 20, 5, 5_000));
        let ticks = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
        let found = between(&before, &accounts(&root).unwrap(), Nanos::from_secs(1));
        let expected = [(7, "a (b) c", 100.0 / ticks), (8, "new", 25.0 / ticks)];
        assert_eq!(found.iter().map(|one| (one.pid, one.name.as_str(), one.share)).collect::<Vec<_>>(), expected);
        assert!(between(&before, &before, Nanos::ZERO).is_empty(), "no time, no share");
        assert_eq!(accounts(Path::new("/nonexistent")), None);
        std::fs::remove_dir_all(&root).unwrap();
    }

    /// A process that uses a whole CPU, and is killed at the end of the test.
    struct Busy(std::process::Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            drop(self.0.kill().and_then(|()| self.0.wait()));
        }
    }

    #[test]
    fn a_busy_child_is_found_with_what_the_scheduler_says_it_used() {
        let child = Busy(std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
        let pid = child.0.id().cast_signed();
        // Nanoseconds on a CPU so far, as the scheduler counts them.
        let on_cpu = || {
            let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let (began, first) = (Mono::now(), on_cpu());
        let (before, second) = (accounts(Path::new("/")).unwrap(), on_cpu());
        while on_cpu() < second + 500_000_000 && Mono::now().since(began) < Nanos::from_secs(40) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let third = on_cpu();
        let (after, span) = (accounts(Path::new("/")).unwrap(), Mono::now().since(began));
        let fourth = on_cpu();
        drop(child);
        let found = between(&before, &after, span);
        let seconds = found.iter().find(|one| one.pid == pid).unwrap().share * span.as_secs_f64();
        // Ticks are 10 ms long, and some are lost at either end.
        let (least, most) = ((third - second) as f64 / 1e9 - 0.05, (fourth - first) as f64 / 1e9 + 0.05);
        assert!((least..=most).contains(&seconds), "{seconds} s, the scheduler says {least} to {most} s");
    }
}
