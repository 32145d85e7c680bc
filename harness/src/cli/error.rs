//! Errors on their way to a person.

use std::error::Error as Cause;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use crate::run::chain;
use harness_base::exit::Exit;

/// What failed and which exit code it stands for.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    exit: Exit,
}

impl Error {
    /// Input that is missing or malformed: exit code 2.
    pub(super) fn input(cause: &dyn Cause) -> Self {
        Self { message: chain(cause), exit: Exit::InvalidInput }
    }

    /// A tool or the host failed: exit code 4.
    pub(super) fn tooling(cause: &dyn Cause) -> Self {
        Self { message: chain(cause), exit: Exit::Usage }
    }

    /// Prints it; the exit code.
    pub(super) fn tell(&self) -> Exit {
        print_error(&self.message, None);
        self.exit
    }
}

/// `error: …` and, below it, `hint: …` on stderr.
#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
pub(super) fn print_error(message: &str, hint: Option<&str>) {
    eprintln!("error: {message}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

/// `warning: …` on stderr.
#[expect(clippy::print_stderr, reason = "the one place where warnings are printed")]
pub(super) fn print_warning(message: &str) {
    eprintln!("warning: {message}");
}

/// What first kept stdout from being written.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Text on stdout. A reader that went away (`| head`) is no error; what else keeps it from being written is told by [`finish`].
pub(super) fn print_text(text: &str) {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        UNWRITTEN.get_or_init(|| error);
    }
}

/// Tells that stdout could not be written, if it could not; the exit code.
pub(super) fn finish() -> Exit {
    let Some(error) = UNWRITTEN.get() else { return Exit::Pass };
    let hint = "what a run has written into its folder is complete; print it again with: harness report RESULT";
    print_error(&format!("stdout cannot be written: {error}"), Some(hint));
    Exit::Usage
}

/// Workflow commands on stderr, which the runner reads as it reads stdout.
#[expect(clippy::print_stderr, reason = "the one place where workflow commands are printed")]
pub(super) fn print_command(lines: &str) {
    eprint!("{lines}");
}
