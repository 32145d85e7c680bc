//! Controls the load generator of one instance: a process, or the nodes of a fleet.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::doors::Doors;
use super::fleet::Fleet;
use super::halt::Halt;
use super::relays::RelayCount;
use super::rig::Rig;
use crate::measure::Arm;
use crate::measure::Failure;
use crate::work::Stage;
use crate::work::load::LoadWork;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_load::frames::{ArmAddress, Job};
use harness_load::spec::{ClientCertificate, Tls, WireSpec};
use harness_load::{self, Generator, Streams};
use harness_rig::keeper::{Child, Command, clean_env};
use harness_rig::target::HttpUrl;
use harness_rig::target::certificates::NAMES;
use harness_rig::target::spec::Upstream;

/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_secs(1);

pub(crate) struct Engine {
    pub(crate) generator: Generator,
    source: Source,
    /// The ways to the target; absent for arms that lead to upstream and target.
    doors: Option<Doors>,
}

/// What sends the load.
enum Source {
    Child(Box<Child>),
    /// The nodes of a fleet, during the instance with this index.
    Fleet {
        fleet: Arc<Fleet>,
        instance: u32,
    },
}

impl Source {
    /// Converts an error of the generator for the stage.
    fn halt(&self, error: &harness_load::Error) -> Halt {
        match (self, error) {
            (Self::Fleet { fleet, instance }, harness_load::Error::Lost(lost)) => fleet.lost(lost, *instance),
            (Self::Fleet { fleet, .. }, error) => fleet.failed(error),
            (Self::Child(child), error) => Failure::of(error, Exit::Usage).with_log(child.log_tail(8)).into(),
        }
    }
}

impl Engine {
    /// Starts a load child for both arms, or for the proxied one if there is no upstream; or gives this job to the fleet, if the run has one.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if it does not start, or [`Halt::Invalid`] if a node of the fleet is lost.
    pub(crate) async fn start(
        rig: &Rig<'_>,
        stage: &Stage,
        work: &LoadWork,
        (name, instance): (&str, u32),
        proxy: &HttpUrl,
        upstream: Option<&HttpUrl>,
    ) -> Result<Self, Halt> {
        let doors = Doors::open(rig, stage, name, proxy).await?;
        let (proxy, upstream) = match &doors {
            Some(doors) => (&doors.quic, doors.tcp.as_ref()),
            None => (proxy, upstream),
        };
        let resumption = work.per_connection.and_then(|used| used.resumption);
        let resumption = resumption.unwrap_or(rig.plan.generator.tls.resumption);
        check_wire(stage, Arm::Proxied, proxy)?;
        if let Some(url) = upstream.filter(|_| work.paired) {
            check_wire(stage, Arm::Direct, url)?;
        }
        let direct = upstream.map(|url| address(rig, stage, Arm::Direct, url, resumption));
        let proxied = address(rig, stage, Arm::Proxied, proxy, resumption);
        let arms = direct.into_iter().chain([proxied]).collect::<Result<_, _>>();
        let job = Job {
            arms: arms.map_err(|error| Halt::tooling(&error))?,
            requests: stage.requests.clone(),
            connections: work.connections,
            workers: usize::try_from(rig.plan.generator.workers).unwrap_or(0),
            seed: rig.plan.scenario.seed,
            stripe: None,
            packets_alone: stage.is_netem(),
        };
        let (source, streams) = source(rig, name, instance)?;
        match rig.interrupt.or(Generator::over(streams, job)).await? {
            Ok(generator) => Ok(Self { generator, source, doors }),
            Err(error) => Err(source.halt(&error)),
        }
    }

    /// Converts an error of the generator for the stage.
    pub(crate) fn halt(&self, error: &harness_load::Error) -> Halt {
        self.source.halt(error)
    }

    /// Returns the process that sends the load; `None` if the nodes of a fleet do.
    pub(crate) const fn pid(&self) -> Option<i32> {
        match &self.source {
            Source::Child(child) => Some(child.pid),
            Source::Fleet { .. } => None,
        }
    }

    /// Lists the processes of the harness through which the arms lead, and the hub of a fleet.
    pub(crate) fn relays(&self) -> Vec<i32> {
        let mut pids = self.doors.as_ref().map(Doors::pids).unwrap_or_default();
        if let Source::Fleet { fleet, .. } = &self.source {
            pids.extend(fleet.pid());
        }
        pids
    }

    /// Reads what these processes did so far; nothing without them.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if one gives no answer.
    pub(crate) async fn relay_counts(&self) -> Result<Vec<RelayCount>, Halt> {
        match &self.doors {
            Some(doors) => doors.counts().await,
            None => Ok(Vec::new()),
        }
    }

    pub(crate) async fn stop(self) {
        match self.source {
            Source::Child(child) => {
                // If the child has exited already, nothing has to be sent.
                let _ = self.generator.stop().await;
                child.stop(PATIENCE).await;
            }
            Source::Fleet { fleet, .. } => fleet.give_back(self.generator).await,
        }
        if let Some(doors) = self.doors {
            doors.stop().await;
        }
    }
}

/// Returns what sends the load of an instance, and the streams to it: the fleet of the run, or a new process.
fn source(rig: &Rig<'_>, name: &str, instance: u32) -> Result<(Source, Streams), Halt> {
    if let Some(fleet) = &rig.fleet {
        let streams = fleet.take()?;
        return Ok((Source::Fleet { fleet: Arc::clone(fleet), instance }, streams));
    }
    let child = rig.site.keeper.spawn(command(rig, name)).map_err(|error| Halt::tooling(&error))?;
    let Some((stdin, stdout)) = child.take_pipes() else {
        return Err(Halt::tool("the keeper gave the load generator no pipes"));
    };
    let streams = Streams::of(stdin, stdout).map_err(|error| Halt::tooling(&error))?;
    Ok((Source::Child(Box::new(child)), streams))
}

fn command(rig: &Rig<'_>, name: &str) -> Command {
    let site = &rig.site;
    let argv = vec![site.exe.to_string_lossy().into_owned(), "__load".to_owned()];
    let log = site.logs.join(format!("load-{name}.log"));
    let mut command = Command::new("load generator", argv, clean_env(&site.scratch, &[]), site.scratch.clone(), log);
    command.pipes = true;
    command.cpuset = rig.plan.generator.cpuset.clone();
    command
}

/// A wire that an endpoint does not speak; what the scenario shows is refused when it is read.
#[derive(Debug, thiserror::Error)]
#[error("wire {:?} cannot be spoken with {url}, the endpoint of the {} arm; write wire = {:?} or another URL",
    .wire.word(), .arm.name(), .other.word())]
struct OtherScheme {
    wire: WireSpec,
    other: WireSpec,
    arm: Arm,
    url: String,
}

fn check_wire(stage: &Stage, arm: Arm, url: &HttpUrl) -> Result<(), Halt> {
    match stage.wire.filter(|wire| wire.is_tls() != url.tls) {
        None => Ok(()),
        Some(wire) => Err(Halt::failed(
            Exit::InvalidInput,
            &OtherScheme { wire, other: wire.with_tls(url.tls), arm, url: url.to_string() },
        )),
    }
}

/// Returns the address of the proxied arm, for a client beside the load generator.
///
/// # Errors
/// Returns [`Halt::Failed`] if the stage's wire cannot be spoken there, or the certificates cannot be made.
pub(crate) fn proxied(rig: &Rig<'_>, stage: &Stage, proxy: &HttpUrl) -> Result<ArmAddress, Halt> {
    check_wire(stage, Arm::Proxied, proxy)?;
    let resumption = rig.plan.generator.tls.resumption;
    address(rig, stage, Arm::Proxied, proxy, resumption).map_err(|error| Halt::tooling(&error))
}

/// Returns the address of an arm, and what is spoken with it.
fn address(rig: &Rig<'_>, stage: &Stage, arm: Arm, url: &HttpUrl, resumption: bool) -> io::Result<ArmAddress> {
    let base_path = url.path.trim_end_matches('/').to_owned();
    let tls = url.tls.then(|| tls(rig, url, resumption)).transpose()?;
    let http2 = stage.wire.filter(|wire| wire.is_http2()).map(|_| rig.plan.generator.http2);
    let stdio = matches!(stage.upstream, Some(Upstream::Stdio(_)));
    Ok(ArmAddress { arm, address: url.address.clone(), host: url.authority(), base_path, tls, http2, stdio })
}

/// Returns how TLS is spoken with a server of this run.
fn tls(rig: &Rig<'_>, url: &HttpUrl, resumption: bool) -> io::Result<Tls> {
    let (made, spec) = (rig.site.certificates.made()?, &rig.plan.generator.tls);
    let is_name = !url.host.starts_with('[') && url.host.parse::<Ipv4Addr>().is_err();
    let host = if is_name { url.host.as_str() } else { NAMES[0] };
    let client = ClientCertificate { certificate: made.certificate.clone(), key: made.key.clone() };
    Ok(Tls {
        server_name: spec.server_name.as_deref().unwrap_or(host).to_owned(),
        authority: format!("{}{}", made.authority, spec.authority),
        client: Some(client),
        version: spec.version,
        resumption,
    })
}
