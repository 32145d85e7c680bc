//! Target: whatever we launch or watch, and the upstream behind it.
//!
//! A [`Launcher`] is a way in which a target comes to run: a process of ours, a container, or one that runs already. It returns as soon as
//! the target is started; when it listens and answers is the probe's business.

mod container;
mod descriptors;
mod external;
pub mod loopback;
pub mod placeholders;
mod ports;
mod process;
pub mod spec;
pub mod template;
mod upstream;
mod url;

use std::collections::BTreeMap;
use std::future::Future;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

pub use container::{
    Containers, Error as ContainerError, Fault, Leftover, LeftoverKind, clean, sweep_main, version as engine_version,
};
pub use ports::{Owner, Ports};
pub use upstream::{RunningUpstream, launch_upstream};
pub use url::HttpUrl;

use container::Contained;

use crate::cgroup::Group;
use crate::group::ResourceLimits;
use crate::keeper::{Child, Keeper, Stopped};
use crate::launch::{Ending, EngineFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Launches tried when the port chosen for a target is taken before the target binds it; see [`Running::lost_port`].
pub const ATTEMPTS: u32 = 3;

/// What can go wrong before a target runs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text of the scenario cannot be completed.
    #[error("{key}: {source}")]
    Placeholder {
        /// Where it stands, for example `target.process.command`.
        key: String,
        /// What is wrong with it.
        source: placeholders::Error,
    },
    /// An endpoint is no URL that can be probed.
    #[error("{key}: {url:?} {message}")]
    Url {
        key: String,
        /// The text with its placeholders filled.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// Something else listens where the target is to answer.
    #[error("port {port} is already taken{}; {}", by.as_ref().map_or_else(String::new, |by| format!(" by {by}")), free_it(*port, by.as_ref()))]
    PortTaken {
        port: u16,
        /// Who listens there, as far as can be seen.
        by: Option<Owner>,
    },
    #[error("no free port: {0}; look with: ss -ltn | wc -l")]
    NoPort(std::io::Error),
    /// A template cannot be rendered into the run's folder.
    #[error("target.files.{name:?}: {}: {message}; look with: ls -l {}", path.display(), path.display())]
    File {
        /// Its name in the scenario.
        name: String,
        /// The file that is in the way.
        path: PathBuf,
        message: String,
    },
    /// The working folder cannot be made.
    #[error("the working folder {} cannot be created: {source}; look with: df -h {}", path.display(), path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    /// A command without a program.
    #[error("{key} is empty; it needs at least a program, for example [\"nginx\", \"-g\", \"daemon off;\"]")]
    NoProgram { key: String },
    /// `builtin:` with an unknown name.
    #[error("builtin:{name} does not exist; there are builtin:sidecar and builtin:upstream")]
    NoBuiltin { name: String },
    /// The container engine, or what it was to start.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// The program cannot be started, or the keeper is gone.
    #[error(transparent)]
    Keeper(#[from] crate::keeper::Error),
    /// Nobody listens on the port of an external target.
    #[error("nothing listens on port {port}; start the target first; look with: ss -ltnp 'sport = :{port}'")]
    NobodyListens { port: u64 },
    /// Who listens on the port cannot be seen.
    #[error(
        "port {port} is open, but whose it is cannot be seen; run as the target's user or as root, or give target.external.pid"
    )]
    Hidden { port: u64 },
    /// Limits for a program that is not ours.
    #[error(
        "a target that runs already is not ours to limit; remove limits from the stage, or let harness start it with \
         target.process"
    )]
    LimitsOfOthers,
    /// No process of this number.
    #[error("there is no process {pid}; start the target first; look with: ps -p {pid}")]
    NoProcess { pid: u64 },
}

/// The next command to type.
fn free_it(port: u16, by: Option<&Owner>) -> String {
    let instead = "or let harness choose a free one by {port.NAME} in command and endpoint";
    match by {
        Some(by) => format!("stop it with: kill {}, {instead}", by.pid),
        None => format!("find out by whom with: ss -ltnp 'sport = :{port}', {instead}"),
    }
}

/// Where and with what a run starts its processes.
#[derive(Debug, Clone)]
pub struct Site {
    /// The process that starts them.
    pub keeper: Keeper,
    /// The ports handed out so far.
    pub ports: std::sync::Arc<Ports>,
    /// The containers started so far, and what they need.
    pub containers: std::sync::Arc<Containers>,
    /// The run's folder for what is thrown away: working folders, rendered templates, TMPDIR. It must exist.
    pub scratch: PathBuf,
    pub logs: PathBuf,
    /// Folder of the scenario file: templates and programs with a relative path start here.
    pub folder: PathBuf,
    /// The binary behind `builtin:sidecar` and `builtin:upstream`; see [`own_binary`].
    pub exe: PathBuf,
}

/// The file of the running binary, for [`Site::exe`]. `/proc/self/exe` itself where its file was replaced meanwhile.
pub fn own_binary() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    std::env::current_exe().ok().filter(|exe| exe.exists()).unwrap_or(link)
}

/// One launch to be made.
#[derive(Debug, Clone, Copy)]
pub struct LaunchRequest<'a> {
    pub site: &'a Site,
    /// What to call it: the name of its log and of its working folder; one per launch.
    pub name: &'a str,
    pub spec: &'a spec::Spec,
    pub upstream: Option<&'a HttpUrl>,
    /// CPUs it may run on, instead of the target's own.
    pub cpuset: Option<&'a [u64]>,
    /// What it may use; it then runs in a control group of its own.
    pub limits: Option<&'a ResourceLimits>,
    /// Ports by their names that an earlier launch had, and that this one takes again; free ones where absent.
    pub ports: Option<&'a BTreeMap<String, u16>>,
}

/// A way in which a target comes to run.
pub trait Launcher {
    /// Starts or finds the target. Returns before it listens.
    fn launch(&self, order: &LaunchRequest<'_>) -> impl Future<Output = Result<Running, Error>> + Send;
}

impl Launcher for spec::Launch {
    async fn launch(&self, order: &LaunchRequest<'_>) -> Result<Running, Error> {
        match self {
            Self::Process(process) => process.launch(order).await,
            Self::Container(container) => container.launch(order).await,
            Self::External(external) => external.launch(order).await,
        }
    }
}

/// Starts or finds the target of `order`.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn launch(order: &LaunchRequest<'_>) -> Result<Running, Error> {
    order.spec.launch.launch(order).await
}

/// Makes what must be there before the upstream of a target starts: for a container the engine, its image and its network.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn prepare(spec: &spec::Spec, site: &Site) -> Result<(), Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::prepare(container, site).await,
        spec::Launch::Process(_) | spec::Launch::External(_) => Ok(()),
    }
}

/// An archive of the image that a target is a container of; nothing where there is none that anybody would pull.
///
/// # Errors
/// [`Error`], each with the next command to type.
pub async fn saved_image(spec: &spec::Spec, site: &Site) -> Result<Option<PathBuf>, Error> {
    match &spec.launch {
        spec::Launch::Container(container) => container::saved_image(container, site).await,
        spec::Launch::Process(_) | spec::Launch::External(_) => Ok(None),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// As the scenario names it, placeholders filled.
    pub named: String,
    pub path: PathBuf,
    /// It is one of the bundled programs.
    pub builtin: bool,
}

/// The program of a target, found without starting it.
///
/// # Errors
/// [`Error`] when there is no such program, or an external target does not run.
pub fn executable(spec: &spec::Spec, site: &Site) -> Result<Executable, Error> {
    match &spec.launch {
        spec::Launch::Process(process) => process::find(site, process),
        spec::Launch::Container(container) => container::find(site, container),
        spec::Launch::External(external) => external::find(*external),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where requests to be proxied go.
    pub proxy: HttpUrl,
    /// Answers 2xx once it is alive.
    pub health: Option<HttpUrl>,
    /// Answers 2xx once it can serve.
    pub ready: Option<HttpUrl>,
}

#[derive(Debug)]
pub struct Running {
    pub pid: i32,
    /// Value of `HARNESS_MARK` in its environment and in that of all that comes from it; absent where it is not ours.
    pub mark: Option<String>,
    /// The instant just before it was started, or the last look at which a container's program was not executed yet; absent where it is not ours, and with it every startup time.
    pub spawned: Option<Mono>,
    pub endpoints: Endpoints,
    /// Program and arguments as they were executed.
    pub program: Vec<String>,
    pub executable: PathBuf,
    /// It is one of the bundled programs: the size of its file says nothing.
    pub builtin: bool,
    /// Its log; absent where it is not ours.
    pub log: Option<PathBuf>,
    /// It runs in a control group of its own, with limits that we set.
    pub limited: bool,
    /// Where requests meet it: `process`, `host` or `bridge`; absent where it is not ours.
    pub network: Option<String>,
    /// The ports of this host that were chosen for it, by their names.
    pub ports: BTreeMap<String, u16>,
    hold: Hold,
}

/// What a running target hangs on.
#[derive(Debug)]
enum Hold {
    /// Ours: dropping it ends the process.
    Ours(Box<Child>),
    /// Ours, by the engine: dropping it removes the container.
    Container(Contained),
    /// Not ours: its pidfd, to see it end.
    Theirs(OwnedFd),
}

impl Running {
    /// Whether we started it, and so may stop it.
    pub fn ours(&self) -> bool {
        !matches!(self.hold, Hold::Theirs(_))
    }

    /// Its control group: its own where it has limits, also after its end until it is stopped; otherwise the one it lives in,
    /// with whatever else lives there.
    pub fn group(&self) -> Option<Group> {
        match &self.hold {
            Hold::Ours(child) if child.group.is_some() => child.group.clone().and_then(Group::open),
            Hold::Ours(_) | Hold::Container(_) | Hold::Theirs(_) => Group::of(self.pid),
        }
    }

    /// How it ended; nothing while it runs. One system call.
    pub fn ended(&self) -> Option<Ending> {
        match &self.hold {
            Hold::Ours(child) => child.ended().map(|ending| self.by_its_limit(ending)),
            Hold::Container(contained) => contained.ended(),
            Hold::Theirs(pidfd) => {
                let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
                poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0).then_some(Ending::Unknown)
            }
        }
    }

    /// What a SIGKILL was about: the kernel's way to end what outgrew its memory limit.
    fn by_its_limit(&self, ending: Ending) -> Ending {
        let killed = self.limited && ending == Ending::Signal(Signal::SIGKILL as i32);
        let group = killed.then(|| self.group()).flatten();
        match group.filter(|group| group.read().oom_kills.is_some_and(|kills| kills > 0)) {
            Some(group) => Ending::OutOfMemory(group.limits().memory.map(|memory| memory.0)),
            None => ending,
        }
    }

    /// Stops it, and kills what it leaves behind; stopped again, it tells how it ended. One that is not ours is left alone.
    pub async fn stop(&self, patience: Nanos) -> Option<Stopped> {
        match &self.hold {
            Hold::Ours(child) => Some(child.stop(patience).await),
            Hold::Container(contained) => Some(contained.stop(patience).await),
            Hold::Theirs(_) => None,
        }
    }

    /// What the container engine did for it; nothing where there was none.
    pub async fn engine(&self) -> Option<EngineFacts> {
        match &self.hold {
            Hold::Container(contained) => Some(contained.facts().await),
            Hold::Ours(_) | Hold::Theirs(_) => None,
        }
    }

    /// The last lines it printed, oldest first; none where it is not ours.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        self.log.as_deref().map(|log| crate::keeper::log_tail(log, lines)).unwrap_or_default()
    }

    /// What to do about its end, where its last lines tell; in a sentence.
    pub fn advice(&self, tail: &[String]) -> Option<String> {
        match &self.hold {
            Hold::Container(contained) => contained.advice(tail),
            Hold::Ours(_) | Hold::Theirs(_) => None,
        }
    }
}

/// Creates a folder named `name`, or `name-2` and so on where a launch of this name was there before.
fn fresh_folder(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let mut number = 1_u32;
    loop {
        let path = if number == 1 { parent.join(name) } else { parent.join(format!("{name}-{number}")) };
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(Error::Folder { path, source }),
        }
    }
}
