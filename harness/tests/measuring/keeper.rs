//! The keeper against real processes: what it starts, reports, bounds and takes down.

mod stopping;

use crate::beside;
use crate::support::waiting::{PATIENCE, comes_true, runtime};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use harness::measure::Ending;
use harness_base::clock::Mono;
use harness_base::units::Bytes;
use harness_rig::keeper::{Child, Command, Error, Keeper, Refusal, clean_env, marked};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const HARNESS: &str = env!("CARGO_BIN_EXE_harness");

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("harness-keeper-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn keeper(&self) -> Keeper {
        Keeper::start_with(Path::new(HARNESS), &self.0).unwrap()
    }

    fn command(&self, name: &str, argv: &[&str]) -> Command {
        let argv = argv.iter().map(ToString::to_string).collect();
        let log = self.0.join(format!("{name}.log"));
        Command::new(name, argv, clean_env(&self.0, &[]), self.0.clone(), log)
    }

    fn shell(&self, keeper: &Keeper, name: &str, script: &str) -> Child {
        keeper.spawn(self.command(name, &["sh", "-c", script])).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The time within which everything that a run started has ended, whatever happens (design section 9); it took 0.1 s here.
const KILLING: Duration = Duration::from_secs(5);

/// A shell that leaves two daemons behind, orphans in sessions of their own, one of them with a child, and goes on.
const DETACHING: &str = "(setsid sh -c 'sleep 1000 & exec sleep 1000' &); (setsid sleep 1000 &); exec sleep 1000";

/// Kills the processes with the mark if a test fails.
struct Sweep(String);

impl Drop for Sweep {
    fn drop(&mut self) {
        for pid in marked(&self.0) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}

/// The control process of the next test; on its own it does nothing.
#[test]
fn control_process_that_gets_killed() {
    let _beside = beside();
    let Some(folder) = std::env::var_os("HARNESS_TEST_CONTROL") else { return };
    let folder = std::mem::ManuallyDrop::new(Folder(PathBuf::from(folder)));
    let keeper = folder.keeper();
    let scratch = folder.0.join("scratch");
    keeper.scratch(&scratch).unwrap();
    std::fs::write(scratch.join("file"), "content").unwrap();
    let _plain = keeper.spawn(folder.command("plain", &["sleep", "1000"])).unwrap();
    let _detaching = folder.shell(&keeper, "detaching", DETACHING);
    let _stubborn = folder.shell(&keeper, "stubborn", "trap '' TERM INT HUP; while :; do sleep 1; done");
    println!("\nkeeper {}", keeper.pid());
    std::thread::sleep(10 * PATIENCE);
}

#[test]
fn nothing_survives_a_kill_dash_nine_of_the_control_process() {
    let _beside = beside();
    let folder = Folder::new("kill9");
    let mut control = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "keeper::control_process_that_gets_killed", "--nocapture"])
        .env("HARNESS_TEST_CONTROL", &folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(control.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("keeper ").map(str::to_owned));
    let keeper: i32 = said.expect("the control process started").parse().unwrap();
    let mark = format!("{keeper}-");
    let _sweep = Sweep(mark.clone());
    // One plain, four of the detaching one, a shell with its sleep.
    assert!(comes_true(|| marked(&mark).len() >= 7), "{:?}", marked(&mark));
    control.kill().unwrap();
    control.wait().unwrap();
    let start = Instant::now();
    assert!(comes_true(|| marked(&mark).is_empty()), "{:?} live on", marked(&mark));
    let gone = || !Path::new(&format!("/proc/{keeper}")).exists() || is_zombie(keeper);
    assert!(comes_true(gone), "the keeper lives on");
    assert!(start.elapsed() < KILLING, "{:?}", start.elapsed());
    assert!(!folder.0.join("scratch").exists(), "the scratch folder was not removed");
}

/// Returns whether a process is a zombie: that of an orphan belongs to pid 1.
fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn an_exit_code_and_the_last_words_are_reported() {
    let _beside = beside();
    let folder = Folder::new("exit");
    let keeper = folder.keeper();
    for round in 0..20 {
        let before = Mono::now();
        let child = folder.shell(&keeper, &format!("exits-{round}"), "echo fine; echo 'no database' >&2; exit 3");
        assert!(child.spawned > before && child.spawned < Mono::now());
        assert_eq!(runtime().block_on(child.wait()), Ending::Code(3));
        assert_eq!(child.ended(), Some(Ending::Code(3)));
        assert_eq!(child.log_tail(5), ["fine", "no database"]);
        assert_eq!(child.log_tail(1), ["no database"]);
    }
    let child = folder.shell(&keeper, "killed", "kill -SEGV $$");
    assert_eq!(runtime().block_on(child.wait()), Ending::Signal(Signal::SIGSEGV as i32));
}

#[test]
fn two_tasks_may_wait_for_one_process() {
    let _beside = beside();
    let folder = Folder::new("wait");
    let keeper = folder.keeper();
    let child = folder.shell(&keeper, "waits", "sleep 0.05; exit 4");
    let both = runtime().block_on(async { tokio::join!(child.wait(), child.wait()) });
    assert_eq!(both, (Ending::Code(4), Ending::Code(4)));
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let _beside = beside();
    let folder = Folder::new("refused");
    let keeper = folder.keeper();
    let refusal = |command: Command| match keeper.spawn(command) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let missing = refusal(folder.command("a", &["no-such-program-here"]));
    assert!(matches!(missing, Refusal::NotInPath { .. }), "{missing:?}");
    assert!(missing.to_string().contains("command -v no-such-program-here"), "{missing}");
    assert!(matches!(refusal(folder.command("a", &["./no-such-file"])), Refusal::NotFound { .. }));
    assert!(matches!(refusal(folder.command("a", &["/etc/passwd"])), Refusal::NotExecutable { .. }));

    let script = folder.0.join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(matches!(refusal(folder.command("a", &["./script"])), Refusal::NoInterpreter { .. }));
    std::fs::write(&script, [0x7f, b'E', b'L', b'F', 9, 9, 9, 9]).unwrap();
    assert!(matches!(refusal(folder.command("a", &["./script"])), Refusal::WrongFormat { .. }));

    let mut nowhere = folder.command("a", &["sleep", "1"]);
    nowhere.cwd = folder.0.join("nowhere");
    assert!(matches!(refusal(nowhere), Refusal::NoFolder { .. }));
    let mut pinned = folder.command("a", &["sleep", "1"]);
    pinned.cpuset = Some(vec![1023]);
    assert!(matches!(refusal(pinned), Refusal::NoSuchCpu { .. }));
    assert!(matches!(keeper.scratch(&folder.0), Err(Error::Refused(Refusal::NoScratch { .. }))));
}

#[test]
fn a_flood_of_output_neither_blocks_nor_fills_the_disk() {
    let _beside = beside();
    let folder = Folder::new("flood");
    let keeper = folder.keeper();
    let mut command =
        folder.command("flood", &["sh", "-c", "head -c 52428800 /dev/zero | tr '\\0' 'x'; echo; echo over"]);
    command.log_limit = Bytes::from_mebi(2);
    let child = keeper.spawn(command).unwrap();
    let ending = runtime().block_on(async { tokio::time::timeout(PATIENCE, child.wait()).await });
    assert_eq!(ending.expect("the flood blocked"), Ending::Code(0));
    assert_eq!(child.log_tail(1), ["over"]);
    drop(child);
    runtime().block_on(keeper.shutdown()).unwrap();
    let size = |name: &str| std::fs::metadata(folder.0.join(name)).unwrap().len();
    let (head, kept) = (size("flood.log"), size("flood.log.1") + size("flood.log.2"));
    let limit = Bytes::from_mebi(2).0;
    assert!(head + kept <= limit + 200, "{head} + {kept} bytes on disk");
    let text = std::fs::read_to_string(folder.0.join("flood.log")).unwrap();
    let dropped = 52_428_800 + "\nover\n".len() as u64 - limit / 2 - kept;
    assert!(text.trim_end().ends_with("flood.log.2") && text.contains(&format!("{dropped} bytes dropped")));
}

#[test]
fn a_program_that_is_not_a_keeper_is_refused_at_the_start() {
    let _beside = beside();
    let folder = Folder::new("start");
    let refused = Keeper::start_with(Path::new("/bin/true"), &folder.0);
    assert!(matches!(refused, Err(Error::Start { .. })), "{refused:?}");
    let by_hand = std::process::Command::new(HARNESS).arg("__keeper").stdin(Stdio::null()).output().unwrap();
    assert_eq!(by_hand.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains("harness run"), "{by_hand:?}");
}

#[test]
fn a_process_starts_clean_and_on_its_cpus() {
    let _beside = beside();
    let folder = Folder::new("clean");
    let keeper = folder.keeper();
    let script = "env; grep -E 'Cpus_allowed_list|SigBlk|SigIgn' /proc/self/status; ls -l /proc/self/fd; cat; pwd";
    let mut command = folder.command("clean", &["sh", "-c", script]);
    command.cpuset = Some(vec![0]);
    let child = keeper.spawn(command).unwrap();
    assert_eq!(runtime().block_on(child.wait()), Ending::Code(0));
    let lines = child.log_tail(100);
    let value = |key: &str| lines.iter().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned());
    let names = lines.iter().take_while(|line| line.contains('=')).filter_map(|line| line.split('=').next());
    let mut names: Vec<&str> = names.filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HARNESS_MARK", "HOME", "PATH", "TMPDIR"]);
    assert_eq!(value("Cpus_allowed_list:").as_deref(), Some("0"));
    assert_eq!(value("SigBlk:").as_deref(), Some("0000000000000000"));
    // 32 and 33 are reserved by the C library, which refuses to change them.
    let ignored = u64::from_str_radix(&value("SigIgn:").unwrap(), 16).unwrap();
    assert_eq!(ignored & 0x7fff_ffff, 0, "{ignored:x}");
    assert!(lines.iter().any(|line| line.ends_with("0 -> /dev/null")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("socket:")), "a socket leaked: {lines:#?}");
    assert_eq!(lines.last().map(PathBuf::from), folder.0.canonicalize().ok());
}

#[test]
fn pipes_lead_to_us_and_stderr_to_the_log() {
    let _beside = beside();
    let folder = Folder::new("pipes");
    let keeper = folder.keeper();
    let mut command = folder.command("pipes", &["sh", "-c", "echo aside >&2; tr a-z A-Z"]);
    command.pipes = true;
    let child = keeper.spawn(command).unwrap();
    let (stdin, stdout): (OwnedFd, OwnedFd) = child.take_pipes().unwrap();
    assert!(child.take_pipes().is_none());
    std::fs::File::from(stdin).write_all(b"hello\n").unwrap();
    let mut answer = String::new();
    std::fs::File::from(stdout).read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HELLO\n");
    assert_eq!(runtime().block_on(child.wait()), Ending::Code(0));
    assert_eq!(child.log_tail(5), ["aside"]);
}
