//! Implements `harness fleet`: the secret of a fleet, its rights on Kubernetes, and whether its engine can run it.

use super::args::{CheckFleetArgs, FleetAction, FleetArgs, RbacArgs};
use super::cluster;
use super::convert::plan;
use super::error::{Error, print_text};
use crate::scenario::Scenario;
use harness_base::exit::Exit;
use harness_fleet::secret::{HUB_VARIABLE, HubSecret, NODE_VARIABLE};
use harness_fleet::spec::{FleetEngine, FleetSpec};
use harness_rig::swarm::{Lack, Swarm};
use harness_rig::target::ContainerError;

/// The scenario has no fleet to check.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no [fleet], so its load comes from a process of this machine; nothing has to be checked")]
struct NoFleet(String);

pub(super) fn fleet(args: &FleetArgs) -> Result<Exit, Error> {
    match &args.action {
        FleetAction::Secret => secret(),
        FleetAction::Check(args) => check(args),
        FleetAction::Rbac(args) => Ok(rights(args)),
    }
}

/// Prints what a shell evaluates. Nothing is written to a file.
fn secret() -> Result<Exit, Error> {
    let hub = HubSecret::generate().map_err(|error| Error::tooling(&error))?;
    let node = hub.node();
    print_text(format!("export {HUB_VARIABLE}={}\nexport {NODE_VARIABLE}={}\n", hub.text(), node.text()));
    Ok(Exit::Pass)
}

/// States everything that the engine lacks.
fn check(args: &CheckFleetArgs) -> Result<Exit, Error> {
    let scenario = Scenario::read(&args.scenario, &args.selection.settings()).map_err(|error| Error::input(&error))?;
    let plan = plan(&scenario, &args.selection)?;
    let no_fleet = || Error::input(&NoFleet(args.scenario.display().to_string()));
    let spec = plan.fleet.as_ref().ok_or_else(no_fleet)?;
    match spec.engine {
        FleetEngine::Joined => Ok(check_secret(spec)),
        FleetEngine::Swarm => Ok(state(&lacks(spec)?, &format!("Docker Swarm can run {} nodes", spec.nodes))),
        FleetEngine::Kubernetes => {
            let found = cluster::lacks(spec.context.as_deref(), spec.namespace.as_deref())?;
            Ok(state(&found, &format!("Kubernetes can be asked for {} nodes", spec.nodes)))
        }
    }
}

/// Prints the rights that a fleet on Kubernetes needs, and who gets them.
fn rights(args: &RbacArgs) -> Exit {
    print_text(harness_kube::rights::yaml(&args.namespace, args.subject.as_deref()));
    Exit::Pass
}

/// States whether this shell has the secret that joined nodes need.
fn check_secret(spec: &FleetSpec) -> Exit {
    let set = std::env::var_os(HUB_VARIABLE).is_some_and(|value| !value.is_empty());
    if set {
        print_text(format!("type on each of {} nodes: harness node join {}\n", spec.nodes, spec.listen));
        return Exit::Pass;
    }
    print_text(format!("{HUB_VARIABLE} is not set; type: eval \"$(harness fleet secret)\"\n"));
    Exit::Usage
}

/// Prints what an engine lacks, each with whether it is fatal, or `fine` if nothing is.
fn state(lacks: &[(bool, String)], fine: &str) -> Exit {
    for (is_fatal, lack) in lacks {
        let kind = if *is_fatal { "error:" } else { "note: " };
        print_text(format!("{kind} {lack}\n"));
    }
    if lacks.iter().any(|(is_fatal, _)| *is_fatal) {
        return Exit::Usage;
    }
    print_text(format!("{fine}\n"));
    Exit::Pass
}

/// Lists what Docker Swarm lacks.
fn lacks(spec: &FleetSpec) -> Result<Vec<(bool, String)>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::tooling(&error))?;
    let found: Result<Vec<Lack>, ContainerError> = runtime.block_on(async {
        let swarm = Swarm::connect().await?;
        swarm.check(spec.nodes, &spec.constraints, spec.image.as_deref()).await
    });
    let found = found.map_err(|error| Error::tooling(&error))?;
    Ok(found.iter().map(|lack| (lack.is_fatal(), lack.to_string())).collect())
}
