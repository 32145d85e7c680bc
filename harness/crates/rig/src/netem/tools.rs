//! The programs of iproute2, which set up devices and queues.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::Error;
use crate::keeper::{Refusal, find_program};

/// Where the programs are, beside the folders of `PATH`, which often lacks these.
const FOLDERS: &str = "/usr/sbin:/sbin";

/// The programs that were found.
#[derive(Debug)]
pub(super) struct Tools {
    ip: PathBuf,
    tc: PathBuf,
}

impl Tools {
    /// Finds the programs.
    ///
    /// # Errors
    /// Returns [`Error::NoTool`], or [`Error::NotStarted`] for a file that is no program.
    pub(super) fn find() -> Result<Self, Error> {
        let path = format!("{}:{FOLDERS}", std::env::var("PATH").unwrap_or_default());
        let find = |name: &'static str| {
            find_program(name, Path::new("/"), &path).map_err(|refusal| match refusal {
                Refusal::NotInPath { .. } => Error::NoTool { name },
                other => Error::NotStarted { command: name.to_owned(), cause: std::io::Error::other(other) },
            })
        };
        Ok(Self { ip: find("ip")?, tc: find("tc")? })
    }

    /// Runs `ip`.
    ///
    /// # Errors
    /// Returns [`Error::NotStarted`] or [`Error::Refused`].
    pub(super) fn ip(&self, arguments: &[String]) -> Result<Vec<u8>, Error> {
        run(&self.ip, arguments)
    }

    /// Runs `tc`. Returns its output.
    ///
    /// # Errors
    /// Returns [`Error::NotStarted`] or [`Error::Refused`].
    pub(super) fn tc(&self, arguments: &[String]) -> Result<Vec<u8>, Error> {
        run(&self.tc, arguments)
    }
}

fn run(program: &Path, arguments: &[String]) -> Result<Vec<u8>, Error> {
    let mut command = Command::new(program);
    // The environment of this process may hold secrets.
    command.args(arguments).env_clear().env("PATH", FOLDERS).env("LC_ALL", "C").stdin(Stdio::null());
    let command_line = || {
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        [name].iter().chain(arguments).map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let output = command.output().map_err(|cause| Error::NotStarted { command: command_line(), cause })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    // A hint follows it.
    Err(Error::Refused { command: command_line(), said: said.trim_end_matches('.').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_quoted_with_its_command() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(run(Path::new("/bin/echo"), &words("one two")).unwrap(), b"one two\n");
        let error = run(Path::new("/bin/ls"), &words("/nonexistent/place")).unwrap_err();
        assert!(
            matches!(&error, Error::Refused { command, said }
            if command == "ls /nonexistent/place" && said.contains("No such file")),
            "{error}"
        );
        assert!(matches!(run(Path::new("/nonexistent"), &[]), Err(Error::NotStarted { .. })));
    }
}
