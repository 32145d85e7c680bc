//! Services and secrets of a Swarm that have our labels.

use std::collections::HashMap;

use bollard::Docker;
use bollard::query_parameters::{ListSecretsOptions, ListServicesOptions};

use super::error::Error;
use super::leftover::{Kind, Leftover};
use harness_base::units::Nanos;

/// The time for the engine to say whether it manages a Swarm. Without a majority of the managers, it takes 20 s.
const MANAGERS: Nanos = Nanos::from_secs(2);

/// Returns whether the engine manages a Swarm, and so has services and secrets.
///
/// # Errors
/// Returns [`Error::Refused`] when it does not say so in time.
pub(super) async fn is_manager(docker: &Docker) -> Result<bool, Error> {
    const DOING: &str = "say whether it manages a Swarm";
    let Ok(info) = tokio::time::timeout(MANAGERS.duration(), docker.info()).await else {
        let message = format!("it did not answer within {MANAGERS}; check with: docker node ls");
        return Err(Error::Refused { doing: DOING.to_owned(), message });
    };
    let swarm = info.map_err(Error::refused(DOING))?.swarm;
    Ok(swarm.is_some_and(|swarm| swarm.control_available == Some(true)))
}

/// Lists the services with `label`, and then the secrets.
pub(super) async fn labelled(docker: &Docker, label: &str) -> Result<Vec<Leftover>, Error> {
    let filters = || Some(HashMap::from([("label".to_owned(), vec![label.to_owned()])]));
    let refused = |_: ()| Error::refused("list what is ours in the Swarm");
    let options = ListServicesOptions { filters: filters(), ..ListServicesOptions::default() };
    let services = docker.list_services(Some(options)).await.map_err(refused(()))?;
    let secrets = docker.list_secrets(Some(ListSecretsOptions { filters: filters() })).await.map_err(refused(()))?;

    let mut found = Vec::new();
    for service in services {
        let spec = service.spec.unwrap_or_default();
        found.push(Leftover::new(Kind::Service, service.id, spec.name, spec.labels));
    }
    for secret in secrets {
        let spec = secret.spec.unwrap_or_default();
        found.push(Leftover::new(Kind::Secret, secret.id, spec.name, spec.labels));
    }
    Ok(found)
}
