//! Implements `harness fleet`: the secret of a fleet, and whether its engine can run it.

use super::args::{CheckFleetArgs, FleetAction, FleetArgs};
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
    if spec.engine == FleetEngine::Joined {
        let set = std::env::var_os(HUB_VARIABLE).is_some_and(|value| !value.is_empty());
        if set {
            print_text(format!("type on each of {} nodes: harness node join {}\n", spec.nodes, spec.listen));
            return Ok(Exit::Pass);
        }
        print_text(format!("{HUB_VARIABLE} is not set; type: eval \"$(harness fleet secret)\"\n"));
        return Ok(Exit::Usage);
    }
    let lacks = lacks(spec)?;
    for lack in &lacks {
        let kind = if lack.is_fatal() { "error:" } else { "note: " };
        print_text(format!("{kind} {lack}\n"));
    }
    if lacks.iter().any(Lack::is_fatal) {
        return Ok(Exit::Usage);
    }
    print_text(format!("Docker Swarm can run {} nodes\n", spec.nodes));
    Ok(Exit::Pass)
}

fn lacks(spec: &FleetSpec) -> Result<Vec<Lack>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::tooling(&error))?;
    let found: Result<Vec<Lack>, ContainerError> = runtime.block_on(async {
        let swarm = Swarm::connect().await?;
        swarm.check(spec.nodes, &spec.constraints, spec.image.as_deref()).await
    });
    found.map_err(|error| Error::tooling(&error))
}
