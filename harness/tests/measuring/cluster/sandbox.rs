//! The sandbox of a pod whose containers share their processes: a PID namespace with a first process that only waits, and a network namespace.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::shared::Shared;
use crate::support::waiting::comes_true;

/// The first process of a container as it is named before it executes its program, as runc names it.
const FIRST: &str = "runc:[2:INIT]";

/// Seconds by which the monotonic clock of a pod is ahead of that of this machine.
const AHEAD: u64 = 7 * 86_400;

/// A sandbox. Its processes end when it is dropped, or when this process ends.
pub(super) struct Sandbox {
    child: Child,
    pause: i32,
    shell: PathBuf,
    has_own_clock: bool,
    has_own_network: bool,
    pub(super) address: IpAddr,
}

/// Returns a command that is killed when the thread that starts it ends.
pub(super) fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]).stdin(Stdio::null());
    command
}

/// Links to a program under another name, which becomes the name of its process.
fn named(folder: &Path, name: &str, program: &str) -> PathBuf {
    let path = folder.join(name);
    // Another pod may have made it.
    let _ = symlink(program, &path);
    path
}

/// Lists the children of a process.
pub(super) fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

pub(super) fn comm(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

impl Sandbox {
    /// Starts the sandbox of a pod.
    pub(super) fn start(shared: &Shared) -> Self {
        let (folder, has_own_clock) = (&shared.folder, shared.shifts_clocks);
        let mut command = bound("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        if has_own_clock {
            command.args(["--time", "--monotonic", &AHEAD.to_string()]);
        }
        if shared.network.is_some() {
            command.arg("--net");
        }
        command.arg(named(folder, "pause", "/bin/sleep")).arg("infinity");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let unshare = i32::try_from(child.id()).unwrap();
        let mut pause = None;
        let found = comes_true(|| {
            pause = children(unshare).into_iter().find(|pid| comm(*pid) == "pause");
            pause.is_some()
        });
        assert!(found, "the sandbox of a pod did not start");
        let pause = pause.unwrap();
        let attached = shared.network.as_ref().map(|network| network.attach(pause).expect("a pod has no network"));
        Self {
            child,
            pause,
            shell: named(folder, FIRST, "/bin/sh"),
            has_own_clock,
            has_own_network: attached.is_some(),
            address: attached.unwrap_or_else(|| shared.machine()),
        }
    }

    /// Returns a command that runs a program in the sandbox, once it has entered a control group by these files.
    pub(super) fn command(&self, entrances: &[PathBuf], program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pause.to_string(), "--pid", "--mount"]).stdin(Stdio::null());
        if self.has_own_clock {
            command.arg("--time");
        }
        if self.has_own_network {
            command.arg("--net");
        }
        let enter = "while [ \"$1\" != -- ]; do echo 0 >\"$1\" || exit 128; shift; done; shift; exec \"$@\"";
        command.arg("--").arg(&self.shell).args(["-c", enter, FIRST]).args(entrances).arg("--").arg(program);
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
