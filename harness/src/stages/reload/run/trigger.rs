//! Makes the target reload.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal as Sent;

use crate::measure::Failure;
use crate::measure::reason::Cause;
use crate::run::halt::Halt;
use crate::stages::reload::work::{Act, Place, Signal, Trigger};
use harness_base::clock::Mono;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::aside::aside;
use harness_rig::probe::{self, Call};
use harness_rig::target::{HttpUrl, Running};

/// The file that is rewritten, with its own content and the other one.
pub(super) struct Contents(Option<(PathBuf, [Vec<u8>; 2])>);

/// A file of the target could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}; check the space of the temporary folder with: df -h", path.display())]
struct Unusable {
    path: PathBuf,
    cause: std::io::Error,
}

impl Contents {
    /// Reads both contents, if a file is rewritten.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if one of them cannot be read.
    pub(super) fn read(trigger: &Trigger, target: &Running) -> Result<Self, Halt> {
        let Some(rewrite) = &trigger.rewrite else { return Ok(Self(None)) };
        let folder = target.folder.as_deref();
        let folder =
            folder.ok_or_else(|| Halt::tool("only the files of a target that harness started can be rewritten"))?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|cause| Halt::tooling(&Unusable { path, cause }))
        };
        let contents = [read(&rewrite.from)?, read(&rewrite.file)?];
        Ok(Self(Some((folder.join(&rewrite.file), contents))))
    }

    /// Writes the content of reload `number` in one step, so that the target never reads a part of it.
    fn write(&self, number: u64) -> Result<(), Halt> {
        let Some((path, contents)) = &self.0 else { return Ok(()) };
        let content = &contents[usize::from(!number.is_multiple_of(2))];
        replace(path, content).map_err(|cause| Halt::tooling(&Unusable { path: path.clone(), cause }))
    }
}

fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    std::fs::write(&next, content)?;
    std::fs::rename(next, path)
}

/// Fires the trigger for reload `number`. Returns the instant just before it, and how long it took.
///
/// # Errors
/// Returns [`Halt::Failed`] if the file cannot be written, the target cannot be signalled, or it does not answer the request with 2xx.
pub(super) async fn fire(
    trigger: &Trigger,
    target: &Running,
    files: &Contents,
    number: u64,
) -> Result<(Mono, Nanos), Halt> {
    let at = Mono::now();
    files.write(number)?;
    match &trigger.act {
        None => {}
        Some(Act::Signal(signal)) => {
            let sent = target.signal(numbered(*signal)).await.map_err(|error| Halt::tooling(&error))?;
            if !sent {
                return Err(Halt::tool("only a target that harness started can be signalled"));
            }
        }
        Some(Act::Request { call, path, place }) => ask(target, call, path, *place).await?,
    }
    Ok((at, Mono::now().since(at)))
}

/// Sends the request, and waits for its answer.
async fn ask(target: &Running, call: &Call, path: &str, place: Place) -> Result<(), Halt> {
    let endpoints = &target.endpoints;
    let url = match place {
        Place::Proxy => Some(&endpoints.proxy),
        Place::Health => endpoints.health.as_ref(),
        Place::Ready => endpoints.ready.as_ref(),
    };
    let url = url.ok_or_else(|| Halt::tool(format!("the target has no {} endpoint", place.word())))?;
    let (url, call) = (HttpUrl { path: path.to_owned(), ..url.clone() }, call.clone());
    let answer = aside(move || probe::exchange(&url, &call, &|| false)).await;
    let answer = answer.map_err(|error| Halt::tooling(&error))?;
    let status = answer.map_err(|miss| Halt::failed(Exit::TargetFailed, &miss))?.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let message = format!("the request to {path} that makes the target reload was answered with {status}");
    Err(Halt::from(Failure::new(Cause::Error(vec![message]), Exit::TargetFailed)))
}

const fn numbered(signal: Signal) -> Sent {
    match signal {
        Signal::Hup => Sent::SIGHUP,
        Signal::Usr1 => Sent::SIGUSR1,
        Signal::Usr2 => Sent::SIGUSR2,
    }
}
