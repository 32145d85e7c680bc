//! Errors on their way to a person.

use std::error::Error as Cause;

use crate::exit::Exit;
use crate::run::chain;

/// What failed and which exit code it stands for.
#[derive(Debug)]
pub(super) struct Error {
    says: String,
    exit: Exit,
}

impl Error {
    /// Input that is missing or malformed: exit code 2.
    pub(super) fn input(cause: &dyn Cause) -> Self {
        Self { says: chain(cause), exit: Exit::InvalidInput }
    }

    /// A tool or the host failed: exit code 4.
    pub(super) fn tooling(cause: &dyn Cause) -> Self {
        Self { says: chain(cause), exit: Exit::Usage }
    }

    /// Prints it; the exit code.
    pub(super) fn tell(&self) -> Exit {
        print_error(&self.says, None);
        self.exit
    }
}

/// `error: …` and, below it, `hint: …` on stderr.
#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
pub(super) fn print_error(says: &str, hint: Option<&str>) {
    eprintln!("error: {}", says.strip_prefix("error: ").unwrap_or(says));
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

/// `warning: …` on stderr.
#[expect(clippy::print_stderr, reason = "the one place where warnings are printed")]
pub(super) fn print_warning(says: &str) {
    eprintln!("warning: {says}");
}

/// Text on stdout. A reader that went away (`| head`) is no error.
pub(super) fn print_text(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Workflow commands on stderr, which the runner reads as it reads stdout.
#[expect(clippy::print_stderr, reason = "the one place where workflow commands are printed")]
pub(super) fn print_command(lines: &str) {
    eprint!("{lines}");
}
