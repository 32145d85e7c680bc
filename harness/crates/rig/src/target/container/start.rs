//! Starts a container and waits until its program is executed.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{InspectContainerOptions, StartContainerOptions};

use super::calls::{Starting, remove};
use super::create::{Wanted, create, no_program, refused};
use super::engine::Engine;
use super::error::Error;
use super::exec::{self, Seen};
use super::watch::{Contained, Known};
use crate::aside::aside;
use crate::keeper::Sink;
use crate::launch::EngineFacts;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for a container's address, which is assigned before its program is executed.
const ADDRESS: Nanos = Nanos::from_secs(5);
/// The time between two calls of the engine.
const PAUSE: Duration = Duration::from_millis(3);

/// A container whose program was executed.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) spawned: Mono,
    /// The container's address on a bridge.
    pub(super) address: Option<IpAddr>,
    pub(super) contained: Contained,
}

/// Creates and starts a container, and removes it if that fails.
pub(super) async fn start(engine: &Engine, wanted: &Wanted<'_>, log: &Path) -> Result<Started, Error> {
    let begun = Mono::now();
    let id = create(engine, wanted).await?;
    let facts = EngineFacts {
        container: id.clone(),
        image: wanted.image.named.clone(),
        image_id: wanted.image.id.clone(),
        create_ns: Mono::now().since(begun).0,
        ..EngineFacts::default()
    };
    let started = execute(engine, wanted, facts, log).await;
    if started.is_err() {
        remove(&engine.docker, &id).await;
    }
    started
}

async fn execute(engine: &Engine, wanted: &Wanted<'_>, mut facts: EngineFacts, log: &Path) -> Result<Started, Error> {
    let (docker, id) = (&engine.docker, facts.container.clone());
    let sink = Sink::create(log, crate::keeper::LOG_LIMIT)
        .map_err(|error| Error::Refused { doing: format!("log to {}", log.display()), message: error.to_string() })?;
    let address = wanted.bridge.map(|bridge| find_address(docker.clone(), bridge.to_owned(), id.clone()));
    let address = address.map(tokio::spawn);
    let begun = Mono::now();
    let mut starting = call(docker.clone(), id.clone());
    let (seen, returned) = first_exec(engine, &id, begun, &mut starting).await;
    let returned = match returned {
        Some((at, Ok(()))) => Some(at),
        Some((_, Err(error))) => {
            if let Some(address) = address {
                address.abort();
            }
            return Err(explain(docker, &id, wanted, &error).await);
        }
        None => None,
    };
    let spawned = seen.map(|seen| seen.before).or(returned).unwrap_or(begun);
    facts.exec_ns = spawned.since(begun).0;
    facts.exec_gap_ns = seen.map(|seen| seen.gap.0);
    facts.start_ns = returned.map(|at| at.since(begun).0);
    let address = match address {
        Some(address) => Some(address.await.ok().flatten().ok_or(Error::NoAddress { name: wanted.name.clone() })?),
        None => None,
    };
    let starting = returned.is_none().then_some(starting);
    let known = Known {
        id,
        begun,
        facts,
        sink,
        memory: wanted.memory(),
        from_binary: wanted.image.binary.is_some(),
        pid: seen.map(|seen| seen.pid),
        starting,
    };
    let contained = Contained::watch(docker.clone(), known).await?;
    Ok(Started { spawned, address, contained })
}

/// The exit codes of a container whose program cannot be executed, or does not exist (POSIX, "Exit Status for Commands").
const NOT_EXECUTED: [i64; 2] = [126, 127];

/// Explains a refused start. The engine keeps the exit code.
async fn explain(docker: &Docker, id: &str, wanted: &Wanted<'_>, error: &bollard::errors::Error) -> Error {
    let inspected = docker.inspect_container(id, None::<InspectContainerOptions>).await.ok();
    let code = inspected.and_then(|container| container.state?.exit_code);
    if code.is_some_and(|code| NOT_EXECUTED.contains(&code)) {
        no_program(wanted, error)
    } else {
        refused(wanted, error)
    }
}

fn call(docker: Docker, id: String) -> Starting {
    tokio::spawn(async move {
        let answer = docker.start_container(&id, None::<StartContainerOptions>).await;
        (Mono::now(), answer)
    })
}

/// Waits for the exec, which may be before or just after the return of the start call. Does not wait if that call fails.
async fn first_exec(
    engine: &Engine,
    id: &str,
    begun: Mono,
    starting: &mut Starting,
) -> (Option<Seen>, Option<(Mono, Result<(), bollard::errors::Error>)>) {
    let returned_flag = Arc::new(AtomicBool::new(false));
    let (container, flag, hierarchies) = (id.to_owned(), Arc::clone(&returned_flag), Arc::clone(&engine.hierarchies));
    let mut watch = std::pin::pin!(aside(move || exec::watch(&hierarchies, &container, begun, &flag)));
    let gone = |error: tokio::task::JoinError| {
        let error = std::io::Error::other(error.to_string());
        (Mono::now(), Err(bollard::errors::Error::from(error)))
    };
    tokio::select! {
        biased;
        seen = &mut watch => {
            match seen.ok().flatten() {
                Some(seen) => (Some(seen), None),
                // Its cgroup is not visible.
                None => (None, Some(starting.await.unwrap_or_else(gone))),
            }
        }
        returned = &mut *starting => {
            returned_flag.store(true, Ordering::Release);
            let seen = watch.await.ok().flatten();
            (seen, Some(returned.unwrap_or_else(gone)))
        }
    }
}

/// Finds the container's address on `network`. It asks the engine about the network, because the engine answers about a container
/// only after its start.
async fn find_address(docker: Docker, network: String, id: String) -> Option<IpAddr> {
    let end = Mono::now().after(ADDRESS);
    while Mono::now() < end {
        let known = docker.inspect_network(&network, None).await.ok();
        let endpoint = known.and_then(|network| network.containers?.remove(&id)).and_then(|own| own.ipv4_address);
        let address = endpoint.and_then(|address| address.split('/').next().and_then(|bare| bare.parse().ok()));
        if address.is_some() {
            return address;
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
