//! A target that runs already. It is watched and never stopped.

use procfs::process::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::endpoints::Endpoints;
use super::error::Error;
use super::launcher::{Executable, LaunchRequest, Launcher};
use super::placeholders::Values;
use super::ports::{Listening, listening};
use super::process::{others, resolve};
use super::running::{Hold, Running};
use super::spec::External;

impl Launcher for External {
    async fn launch(&self, request: &LaunchRequest<'_>) -> Result<Running, Error> {
        if request.limits.is_some_and(|limits| !limits.is_empty()) {
            return Err(Error::LimitsOfOthers);
        }
        let pid = pid(*self)?;
        let number = i32::try_from(pid).map_err(|_| Error::NoProcess { pid })?;
        let pidfd = Pid::from_raw(number).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let pidfd = pidfd.ok_or(Error::NoProcess { pid })?;
        // With a pidfd, the number cannot be reused for another process unnoticed.
        let process = Process::new(number).map_err(|_| Error::NoProcess { pid })?;
        let urls = &request.spec.endpoints;
        let mut values = Values::new(&request.site.ports, request.upstream, std::collections::BTreeMap::new());
        let mut url = |text: &str, name: &str| resolve(&mut values, text, &format!("target.endpoints.{name}"));
        let proxy = url(&urls.proxy, "proxy")?;
        let health = urls.health.as_ref().map(|text| url(text, "health")).transpose()?;
        let ready = urls.ready.as_ref().map(|text| url(text, "ready")).transpose()?;
        let others = others(&mut values, &urls.others)?;
        Ok(Running {
            pid: number,
            mark: None,
            spawned: None,
            endpoints: Endpoints { proxy, health, ready, others },
            program: process.cmdline().unwrap_or_default(),
            executable: process.exe().unwrap_or_default(),
            builtin: false,
            folder: None,
            stalls: None,
            log: None,
            limited: false,
            network: None,
            allotted: super::ports::Allotted::default(),
            hold: Hold::Theirs(pidfd),
        })
    }
}

/// Finds the program of a target that runs already.
///
/// # Errors
/// Returns [`Error`] when it does not run.
pub(super) fn find(external: External) -> Result<Executable, Error> {
    let pid = pid(external)?;
    let process = i32::try_from(pid).ok().and_then(|number| Process::new(number).ok());
    let path = process.ok_or(Error::NoProcess { pid })?.exe().unwrap_or_default();
    Ok(Executable { named: path.to_string_lossy().into_owned(), path, builtin: false })
}

fn pid(external: External) -> Result<u64, Error> {
    match external {
        External::Pid(pid) => Ok(pid),
        External::Port(port) => pid_by_port(port),
    }
}

fn pid_by_port(port: u64) -> Result<u64, Error> {
    let found = u16::try_from(port).map_or(Listening::No, listening);
    match found {
        Listening::No => Err(Error::NotListening { port }),
        Listening::Hidden => Err(Error::Hidden { port }),
        Listening::By(owner) => Ok(owner.pid.unsigned_abs().into()),
    }
}
