//! Removes what has our labels: everything of one run, or what ended runs left behind.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptions, ListImagesOptions, ListNetworksOptions, RemoveContainerOptions, RemoveImageOptions,
};

use super::engine::connect;
use super::error::{Error, is_absent, status};
use super::label::{self, KEEPER, is_abandoned};
use super::leftover::{Kind, Leftover};
use super::placed;
use harness_base::exit::Exit;

/// The time between two searches. A container that was being created when its run was killed appears only after the first search.
const PAUSE: Duration = Duration::from_millis(100);
/// The largest number of searches; the keeper's timeout ends earlier.
const SEARCHES: u32 = 40;
/// The number of searches in a row that must find nothing.
const QUIET: u32 = 2;
/// The same for a busy engine. It goes on loading an image whose client is gone: one of 20 MB within a second.
const QUIET_AFTER_BUSY: u32 = 20;

/// The entry point of `harness __sweep`, which the keeper starts: removes everything with this label.
pub fn sweep_main(label: &str, is_busy: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let swept = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            let docker = connect().await.map_err(|error| error.to_string())?;
            sweep(&docker, label, if is_busy { QUIET_AFTER_BUSY } else { QUIET })
                .await
                .map_err(|error| error.to_string())?;
            label::forget(label);
            Ok(())
        })
    });
    match swept {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            use std::io::Write as _;
            // An error of stderr cannot be reported.
            drop(writeln!(std::io::stderr(), "harness: sweep: {message}; remove the rest with: harness clean"));
            ExitCode::from(Exit::Usage.code())
        }
    }
}

/// Removes everything with `label` until so many searches in a row find nothing.
async fn sweep(docker: &Docker, label: &str, wanted: u32) -> Result<(), Error> {
    let manager = placed::is_manager(docker).await;
    let is_manager = matches!(manager, Ok(true));
    let (mut quiet, mut removed) = (0, Ok(()));
    for _ in 0..SEARCHES {
        let found = labelled(docker, label, is_manager).await?;
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        if quiet == wanted {
            // Everything is removed, unless the engine did not say whether it has services.
            return manager.map(|_| ());
        }
        for leftover in &found {
            removed = remove(docker, leftover).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let (doing, message) = ("remove everything of the run".to_owned(), "it appears again and again".to_owned());
    removed.and(Err(Error::Refused { doing, message }))
}

/// Removes only what runs with an ended keeper left behind. With `dry_run` it only lists these leftovers.
///
/// # Errors
/// Returns [`Error`] when the engine cannot be reached.
pub async fn clean(dry_run: bool) -> Result<Vec<Leftover>, Error> {
    clean_with(&connect().await?, dry_run).await
}

pub(super) async fn clean_with(docker: &Docker, dry_run: bool) -> Result<Vec<Leftover>, Error> {
    let manager = placed::is_manager(docker).await;
    let mut abandoned = labelled(docker, KEEPER, matches!(manager, Ok(true))).await?;
    abandoned.retain(|leftover| is_abandoned(&leftover.labels));
    for leftover in abandoned.iter().filter(|_| !dry_run) {
        remove(docker, leftover).await?;
    }
    manager.map(|_| abandoned)
}

/// Lists everything with `label`, in the order in which it can be removed.
async fn labelled(docker: &Docker, label: &str, is_manager: bool) -> Result<Vec<Leftover>, Error> {
    // The services first, because they hold secrets, and their containers appear again.
    let mut found = if is_manager { placed::labelled(docker, label).await? } else { Vec::new() };
    let filters = || Some(HashMap::from([("label".to_owned(), vec![label.to_owned()])]));
    let refused = |_: ()| Error::refused("list what is ours");
    let options = ListContainersOptions { all: true, filters: filters(), ..ListContainersOptions::default() };
    let containers = docker.list_containers(Some(options)).await.map_err(refused(()))?;
    let networks = docker.list_networks(Some(ListNetworksOptions { filters: filters() })).await.map_err(refused(()))?;
    let options = ListImagesOptions { filters: filters(), ..ListImagesOptions::default() };
    let images = docker.list_images(Some(options)).await.map_err(refused(()))?;

    for container in containers {
        let name = container.names.and_then(|names| names.first().map(|name| name.trim_start_matches('/').to_owned()));
        found.push(Leftover::new(Kind::Container, container.id, name, container.labels));
    }
    for network in networks {
        found.push(Leftover::new(Kind::Network, network.id, network.name, network.labels));
    }
    for image in images {
        let name = image.repo_tags.first().cloned();
        found.push(Leftover::new(Kind::Image, Some(image.id), name, Some(image.labels)));
    }
    Ok(found)
}

/// The status of a request that conflicts with the state of its object.
const CONFLICT: u16 = 409;

/// Returns whether the engine refused because it is removing the object already: a container that may be removed by force has no other
/// conflict.
fn is_being_removed(kind: Kind, error: &bollard::errors::Error) -> bool {
    kind == Kind::Container && status(error) == Some(CONFLICT)
}

/// Removes a leftover. One that was removed, or is being removed already, counts as removed.
async fn remove(docker: &Docker, leftover: &Leftover) -> Result<(), Error> {
    let removed = match leftover.kind {
        Kind::Container => {
            let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
            docker.remove_container(&leftover.id, Some(options)).await
        }
        Kind::Network => docker.remove_network(&leftover.id).await,
        Kind::Image => {
            let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
            docker.remove_image(&leftover.id, Some(options), None).await.map(|_| ())
        }
        Kind::Service => docker.delete_service(&leftover.id).await,
        Kind::Secret => docker.delete_secret(&leftover.id).await,
    };
    match removed {
        Err(error) if !is_absent(&error) && !is_being_removed(leftover.kind, &error) => {
            Err(Error::refused(&format!("remove the {leftover}"))(error))
        }
        _ => Ok(()),
    }
}
