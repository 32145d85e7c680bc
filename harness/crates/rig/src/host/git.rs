//! Reads the state of a git working copy with the `git` program.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::data::GitFacts;

/// The timeout, so that a working copy on a slow disk does not delay a run.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the state of the working copy that contains `folder`; `None` without git, outside a working copy, before its first commit,
/// or when git does not answer within five seconds.
pub fn git(folder: &Path) -> Option<GitFacts> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["status", "--porcelain=v2", "--branch", "--untracked-files=no"]);
    // A git hook that starts harness exports its own repository, but the folder's is wanted. Reading must not take a lock.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    facts_of(&answer(command.env("GIT_OPTIONAL_LOCKS", "0"), TIMEOUT)?)
}

/// Returns the output of the command, if it succeeds in time.
fn answer(command: &mut Command, timeout: Duration) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let output = child.stdout.take();
    let (sender, receiver) = channel();
    // A separate thread, because a pipe cannot be read with a deadline. It ends with the child.
    let reader = std::thread::Builder::new().name("git".to_owned()).spawn(move || {
        let mut text = String::new();
        let read = output.and_then(|mut output| output.read_to_string(&mut text).ok());
        drop(sender.send(read.map(|_| text)));
    });
    let text = reader.ok().and_then(|_| receiver.recv_timeout(timeout).ok()).flatten();
    if text.is_none() {
        drop(child.kill());
    }
    let status = child.wait().ok()?;
    text.filter(|_| status.success())
}

/// Reads the format "porcelain v2" of `git status`.
fn facts_of(status: &str) -> Option<GitFacts> {
    let header = |name: &str| status.lines().find_map(|line| line.strip_prefix("# branch.")?.strip_prefix(name));
    let sha = header("oid ").filter(|sha| *sha != "(initial)")?.to_owned();
    let branch = header("head ").filter(|head| *head != "(detached)").map(str::to_owned);
    let dirty = status.lines().any(|line| !line.starts_with('#'));
    Some(GitFacts { sha, branch, dirty })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reports_commit_branch_and_changes() {
        let clean = "# branch.oid 97e12f3\n# branch.head main\n# branch.upstream origin/main\n";
        assert_eq!(
            facts_of(clean),
            Some(GitFacts { sha: "97e12f3".into(), branch: Some("main".into()), dirty: false })
        );
        let changed = "# branch.oid 97e12f3\n# branch.head (detached)\n1 .M N... 100644 100644 100644 a b README.md\n";
        assert_eq!(facts_of(changed), Some(GitFacts { sha: "97e12f3".into(), branch: None, dirty: true }));
        assert_eq!(facts_of("# branch.oid (initial)\n# branch.head main\n"), None);
        assert_eq!(facts_of(""), None);
    }

    #[test]
    fn outside_a_working_copy_there_is_nothing_to_say() {
        assert_eq!(git(Path::new("/proc")), None);
        assert_eq!(git(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_command_that_hangs_or_fails_is_given_up() {
        let timeout = Duration::from_millis(50);
        assert_eq!(answer(Command::new("sleep").arg("60"), timeout), None);
        assert_eq!(answer(Command::new("sh").args(["-c", "echo text; exit 3"]), TIMEOUT), None);
        assert_eq!(answer(Command::new("echo").arg("text"), TIMEOUT).as_deref(), Some("text\n"));
    }
}
