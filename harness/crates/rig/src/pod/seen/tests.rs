//! Containers as they appear in a `/proc` of files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const AGENT: &str = "0::/\n";
const SIDECAR: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const APP: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// A `/proc` of files, removed with the test.
struct Proc(PathBuf);

impl Proc {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("harness-pod-{}-{number}", std::process::id()));
        std::fs::create_dir_all(folder.join("sys")).unwrap();
        let proc = Self(folder);
        proc.put(1, "pause", "0::/../pause\n", 'S', 10);
        proc.put(7, "harness", AGENT, 'S', 20);
        proc
    }

    fn put(&self, pid: i32, name: &str, cgroup: &str, state: char, start_ticks: u64) {
        let folder = self.0.join(pid.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let zeros = "0 ".repeat(18);
        std::fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        std::fs::write(folder.join("cgroup"), cgroup).unwrap();
        std::fs::write(folder.join("stat"), format!("{pid} ({name}) {state} {zeros}{start_ticks} 0 0\n")).unwrap();
    }

    fn remove(&self, pid: i32) {
        std::fs::remove_dir_all(self.0.join(pid.to_string())).unwrap();
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Returns the text of a process in this container.
fn group(id: &str) -> String {
    format!("0::/../cri-containerd-{id}.scope\n")
}

fn pid_and_spawn(found: Option<Found>) -> Option<(i32, u64)> {
    found.map(|found| (found.pid, found.spawned.0))
}

#[test]
fn a_program_is_executed_between_the_looks_at_the_runtime_and_at_the_program() {
    let (proc, mut seen) = (Proc::new(), Seen::new(AGENT.to_owned()));
    let mut look = |at: u64| {
        seen.look(&proc.0, Mono(at));
        (pid_and_spawn(seen.first()), pid_and_spawn(seen.containing(SIDECAR)))
    };
    assert_eq!(look(100), (None, None), "neither the agent nor the pause process is another container");
    proc.put(20, "runc:[1:CHILD]", &group(SIDECAR), 'S', 30);
    proc.put(21, "runc:[2:INIT]", &group(SIDECAR), 'S', 31);
    assert_eq!(look(200), (None, None), "the runtime prepares");
    proc.remove(20);
    assert_eq!(look(300), (None, None));
    proc.put(21, "sidecar", &group(SIDECAR), 'S', 31);
    proc.put(22, "worker", &group(SIDECAR), 'S', 31);
    assert_eq!(look(400), (Some((21, 300)), Some((21, 300))));
    proc.put(21, "renamed", &group(SIDECAR), 'Z', 31);
    proc.put(30, "app", &group(APP), 'S', 40);
    assert_eq!(look(500), (Some((21, 300)), Some((21, 300))), "the first one stays, even after its end");
    assert_eq!(pid_and_spawn(seen.containing(APP)), Some((30, 400)));
    let target = seen.containing(SIDECAR).unwrap();
    assert_eq!(pid_and_spawn(seen.beside(&target)), Some((30, 400)));
    proc.put(40, "logger", &group("3333"), 'S', 50);
    seen.look(&proc.0, Mono(600));
    assert_eq!(seen.beside(&target), None, "there are two");
}

#[test]
fn a_process_that_was_there_before_has_executed_its_program_after_its_start() {
    let (proc, mut seen) = (Proc::new(), Seen::new(AGENT.to_owned()));
    proc.put(9, "late", &group(SIDECAR), 'S', 7);
    proc.put(8, "sidecar", &group(SIDECAR), 'S', 5);
    proc.put(12, "gone", &group(APP), 'Z', 5);
    let now = Mono::now();
    seen.look(&proc.0, now);
    let found = seen.containing(SIDECAR).unwrap();
    assert!(found.pid == 8 && found.spawned < now, "{found:?}");
    assert_eq!(seen.containing(APP), None, "it has ended");
}

#[test]
fn without_names_the_only_other_container_is_the_target_and_two_are_not_told_apart() {
    let (proc, mut seen) = (Proc::new(), Seen::new("0::/agent\n".to_owned()));
    proc.put(7, "harness", "0::/agent\n", 'S', 20);
    seen.look(&proc.0, Mono(1));
    assert_eq!(seen.unnamed(SIDECAR), Err(Unseen::Alone));
    proc.put(21, "sidecar", "0::/one\n", 'S', 31);
    seen.look(&proc.0, Mono(2));
    assert_eq!(seen.containing(SIDECAR), None);
    assert_eq!(seen.unnamed(SIDECAR).map(|found| found.pid), Ok(21));
    proc.put(30, "app", "0::/two\n", 'S', 40);
    seen.look(&proc.0, Mono(3));
    assert_eq!(seen.unnamed(SIDECAR), Err(Unseen::Unnamed { id: SIDECAR.to_owned(), others: 2 }));
}

#[test]
fn another_name_is_not_taken_for_the_target() {
    let (proc, mut seen) = (Proc::new(), Seen::new(AGENT.to_owned()));
    proc.put(30, "app", &group(APP), 'S', 40);
    seen.look(&proc.0, Mono(1));
    let unseen = seen.unnamed(SIDECAR).unwrap_err();
    assert_eq!(unseen, Unseen::Another { id: SIDECAR.to_owned(), others: 1 });
    assert!(unseen.to_string().contains("was it restarted?"), "{unseen}");
}
