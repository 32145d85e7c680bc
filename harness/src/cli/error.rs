//! Prints errors, warnings and text.

use std::error::Error as Cause;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use crate::run::Halt;
use harness_base::error::chain;
use harness_base::exit::Exit;
use harness_base::printable::Printable;
use harness_base::workflow::Commands;

/// A failure and its exit code.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    exit: Exit,
}

impl Error {
    /// Creates an error about missing or malformed input: exit code 2.
    pub(super) fn input(cause: &dyn Cause) -> Self {
        Self { message: chain(cause), exit: Exit::InvalidInput }
    }

    /// Creates an error of a tool or the host: exit code 4.
    pub(super) fn tooling(cause: &dyn Cause) -> Self {
        Self { message: chain(cause), exit: Exit::Usage }
    }

    /// Creates an error from the reason that stopped other work than a run.
    pub(super) fn halted(halt: &Halt) -> Self {
        let (message, exit) = match halt {
            Halt::Interrupted => ("interrupted".to_owned(), Exit::Interrupted),
            Halt::Invalid(reasons) => {
                (reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), Exit::Invalid)
            }
            Halt::Failed(failure) => (failure.to_string(), failure.exit),
        };
        Self { message, exit }
    }

    /// Prints the error and returns its exit code.
    pub(super) fn print(&self) -> Exit {
        print_error(&self.message, None);
        self.exit
    }
}

/// Prints `error: …` and, below it, `hint: …` to stderr.
pub(super) fn print_error(message: &str, hint: Option<&str>) {
    print_line(&Printable::of(&format!("error: {message}")));
    if let Some(hint) = hint {
        print_line(&Printable::of(&format!("hint: {hint}")));
    }
}

/// Prints `warning: …` to stderr.
pub(super) fn print_warning(message: &str) {
    print_line(&Printable::of(&format!("warning: {message}")));
}

/// Prints a note to stderr, beside what a command prints to stdout.
pub(super) fn print_note(message: &str) {
    print_line(&Printable::of(message));
}

/// Prints a line to stderr. If that fails, for example on a full disk, the exit code still reports an error.
fn print_line(line: &Printable) {
    let _ = writeln!(io::stderr(), "{}", line.as_str());
}

/// The first error that prevented writing to stdout.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Prints to stdout. A closed pipe (`| head`) is not an error; [`finish`] reports any other failure.
pub(super) fn print_text(text: impl Into<Printable>) {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.into().as_str().as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        UNWRITTEN.get_or_init(|| error);
    }
}

/// Reports whether stdout could not be written, and returns the exit code.
pub(super) fn finish() -> Exit {
    let Some(error) = UNWRITTEN.get() else { return Exit::Pass };
    let hint = "the files that a run wrote are complete; print the report again with: harness report RESULT";
    print_error(&format!("stdout cannot be written: {}", chain(error)), Some(hint));
    Exit::Usage
}

/// Prints workflow commands to stderr; the runner reads it as well as stdout.
pub(super) fn print_commands(commands: &Commands) {
    let _ = write!(io::stderr(), "{}", commands.as_str());
}
