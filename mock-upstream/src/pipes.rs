//! Commands over stdin and stdout, which only the process that started this one can give.

use std::os::fd::{AsFd, OwnedFd};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

use crate::error::Error;

/// The pipes over which the process that started this one gives commands.
pub(crate) struct Pipes {
    commands: pipe::Receiver,
    answers: pipe::Sender,
}

impl Pipes {
    /// Takes stdin and stdout, which must be pipes.
    ///
    /// # Errors
    /// Returns an error if they are not, or if the runtime cannot watch them.
    pub(crate) fn take() -> Result<Self, Error> {
        let taken = |fd: std::io::Result<OwnedFd>| fd.map_err(Error::setup("--admin-stdio"));
        let stdin = taken(std::io::stdin().as_fd().try_clone_to_owned())?;
        let stdout = taken(std::io::stdout().as_fd().try_clone_to_owned())?;
        let commands = pipe::Receiver::from_owned_fd(stdin).map_err(Error::setup("--admin-stdio: stdin"))?;
        let answers = pipe::Sender::from_owned_fd(stdout).map_err(Error::setup("--admin-stdio: stdout"))?;
        Ok(Self { commands, answers })
    }

    /// Answers each line with the line of JSON that `obey` returns, until the other side closes a pipe.
    pub(crate) async fn serve(self, obey: impl Fn(&str) -> Vec<u8>) {
        let Self { commands, mut answers } = self;
        let mut commands = BufReader::new(commands).lines();
        while let Ok(Some(command)) = commands.next_line().await {
            let mut body = obey(&command);
            body.push(b'\n');
            if answers.write_all(&body).await.is_err() {
                return;
            }
        }
    }
}
