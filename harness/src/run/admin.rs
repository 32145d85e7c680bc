//! Gives commands to the bundled upstream over its stdin and reads the answers from its stdout. No other process can reach these pipes.

use std::error::Error;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

/// Time limit of an answer, generous for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Any error of a command.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// The pipes of one upstream. Commands of several tasks wait for each other.
#[derive(Debug)]
pub(crate) struct Admin(Mutex<Pipes>);

#[derive(Debug)]
struct Pipes {
    commands: pipe::Sender,
    answers: Lines<BufReader<pipe::Receiver>>,
}

impl Admin {
    /// Takes our ends of stdin and stdout of the upstream.
    ///
    /// # Errors
    /// Returns the error of the runtime.
    pub(crate) fn over((stdin, stdout): (OwnedFd, OwnedFd)) -> io::Result<Self> {
        let answers = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?).lines();
        Ok(Self(Mutex::new(Pipes { commands: pipe::Sender::from_owned_fd(stdin)?, answers })))
    }

    /// Gives a command, for example `ledger`, and returns the answer.
    ///
    /// # Errors
    /// Returns an error if there is no valid answer within ten seconds.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, command: &str) -> Result<T, Cause> {
        let answer = async {
            let mut pipes = self.0.lock().await;
            pipes.commands.write_all(format!("{command}\n").as_bytes()).await?;
            pipes.answers.next_line().await
        };
        let late = |_| format!("no answer within {} s", PATIENCE.as_secs());
        let line = tokio::time::timeout(PATIENCE, answer).await.map_err(late)??;
        Ok(serde_json::from_str(&line.ok_or("it closed its stdout")?)?)
    }
}
