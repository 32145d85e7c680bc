//! The load child of a node.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::time::{sleep, timeout};

use crate::frame::text;
use crate::secret::{HUB_VARIABLE, NODE_FILE_VARIABLE, NODE_VARIABLE};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::frames::ToChild;
use harness_rig::environment;

/// A child has this long to take a command.
const TAKING: Nanos = Nanos::from_secs(1);

/// A child has this long to end by itself.
const ENDING: Nanos = Nanos::from_secs(1);

/// The pause between two looks whether it has ended.
const PAUSE: Nanos = Nanos::from_millis(5);

/// A running `harness __load`. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct LoadChild {
    process: Process,
    commands: pipe::Sender,
    answers: Lines<BufReader<pipe::Receiver>>,
}

/// A process that is killed and waited for when it is dropped.
#[derive(Debug)]
struct Process(Child);

impl LoadChild {
    /// Starts it with the program `exe`, without the secret of the fleet.
    pub(super) fn start(exe: &Path) -> io::Result<Self> {
        let secrets = [NODE_VARIABLE, NODE_FILE_VARIABLE, HUB_VARIABLE].map(OsStr::new);
        let mut command = Command::new(exe);
        command.arg("__load").env_clear();
        command.envs(environment::inherited().filter(|(name, _)| !secrets.contains(&name.as_os_str())));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = Process(command.spawn()?);
        let missing = || io::Error::other("the load generator has no pipes");
        let stdin = OwnedFd::from(process.0.stdin.take().ok_or_else(missing)?);
        let stdout = OwnedFd::from(process.0.stdout.take().ok_or_else(missing)?);
        let commands = pipe::Sender::from_owned_fd(stdin)?;
        let answers = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?).lines();
        Ok(Self { process, commands, answers })
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.0.id().cast_signed()
    }

    /// Gives it a command.
    pub(super) async fn send(&mut self, command: &ToChild) -> io::Result<()> {
        let mut line = text(command);
        line.push(b'\n');
        let sent = timeout(TAKING.duration(), self.commands.write_all(&line)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits for its next frame; `None` after its end. The future can be dropped and created again.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        self.answers.next_line().await
    }

    /// Lets it end by itself, which it does when its pipes are closed. Returns how it ended; `None` if it had to be killed.
    pub(super) async fn end(self) -> Option<String> {
        let Self { mut process, commands, answers } = self;
        drop((commands, answers));
        let latest = Mono::now().after(ENDING);
        while Mono::now() < latest {
            if let Ok(Some(status)) = process.0.try_wait() {
                return Some(status.to_string());
            }
            sleep(PAUSE.duration()).await;
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail if it has ended and was waited for.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
