//! What prevents a scenario from being written.

use std::path::PathBuf;

use harness_base::units::Nanos;
use harness_rig::launch::Ending;

/// The reason why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} exists; choose another file with --out FILE, or replace it with --force", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}: {cause}; choose another file with --out FILE", path.display())]
    Unwritable { path: PathBuf, cause: std::io::Error },
    #[error("the current folder cannot be read: {0}; change to another one")]
    NoFolder(std::io::Error),
    /// The program ended before it listened.
    #[error(
        "{program} {ending} before it listened; it was started in an empty folder, with PATH, HOME and TMPDIR as its environment{}",
        if *ending == Ending::Code(0) { "; if it goes into the background, keep it in the foreground (nginx: daemon off;, haproxy: -db)" } else { "" }
    )]
    Ended { program: String, ending: Ending },
    #[error(
        "{program} listened on no TCP port within {waited}; if it needs other arguments, add them behind `--`; if it listens at a unix socket, \
         type: harness init --kind sidecar"
    )]
    NeverListened { program: String, waited: Nanos },
    #[error(
        "{program} listens, but no request had an answer with 2xx:\n{tried}\nname a path that it serves, for example: harness init --path /api -- …, \
         or write a template with: harness init --kind sidecar"
    )]
    NoAnswer { program: String, tried: String },
    #[error(
        "{program} speaks TLS with certificates of its own, which the generator does not trust; start with: harness init --kind sidecar, and \
         give it the certificates of the run with {{cert.file}} and {{key.file}}"
    )]
    Tls { program: String },
    #[error(
        "the scenario for {program} does not work: {why}; write a template with: harness init --kind sidecar, and edit it"
    )]
    NotWorking { program: String, why: String },
}
