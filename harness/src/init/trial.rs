//! Tries a draft: starts the program as a run would, and sends one request through it.

use std::path::{Component, Path, PathBuf};

use super::draft::{Draft, Goal};
use super::found::Roles;
use super::mock::Mock;
use super::send::send;
use super::stand::Stand;
use crate::plan::{Options, Plan};
use crate::run::bench::{come_up, launch_halt};
use crate::run::halt::Halt;
use crate::scenario::Scenario;
use harness_base::error::chain;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::target::spec::{Launch, Spec};
use harness_rig::target::{self, LaunchRequest};

/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_secs(2);

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The request had the answer that the scenario expects.
    Works,
    /// It had another length.
    OtherLength,
    /// It does not work, and why.
    Fails(String),
}

/// Tries a draft.
///
/// # Errors
/// Returns [`Halt::Interrupted`], or a failure of the tool.
pub(super) async fn trial(stand: &Stand, draft: &Draft, roles: &Roles, goal: &Goal) -> Result<Outcome, Halt> {
    let folder = stand.site.scratch.join("draft");
    for (path, text) in &draft.files {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        made.map_err(|error| Halt::tooling(&error))?;
    }
    let scenario = match Scenario::parse(&draft.text, &goal.shown, folder, &[]) {
        Ok(scenario) => scenario,
        Err(error) => return Ok(Outcome::Fails(chain(&error))),
    };
    let plan = Plan::new(&scenario, &Options::default()).map_err(|error| Halt::failed(Exit::InvalidInput, &error))?;
    let spec = plan.stages.iter().find_map(|stage| stage.upstream.as_ref());
    let mock = match spec {
        Some(spec) => Some(Mock::start(stand, spec).await?),
        None => None,
    };
    let outcome = through(stand, from_folder(&plan.target, &goal.folder), mock.as_ref(), roles).await;
    if let Some(mock) = mock {
        mock.stop().await;
    }
    outcome
}

/// Returns the target with the path of its program relative to the folder of the scenario, where the draft is not.
fn from_folder(target: &Spec, folder: &Path) -> Spec {
    let mut target = target.clone();
    if let Launch::Process(process) = &mut target.launch
        && let Some(program) = process.command.first_mut().filter(|program| program.contains('/'))
    {
        *program = without_parents(&folder.join(&*program)).to_string_lossy().into_owned();
    }
    target
}

/// Removes `..` together with the name before it, because the folder of the scenario may not exist yet.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

async fn through(stand: &Stand, target: Spec, mock: Option<&Mock>, roles: &Roles) -> Result<Outcome, Halt> {
    let upstream = mock.map(|mock| &mock.upstream.url);
    let request = LaunchRequest {
        site: &stand.site,
        name: "trial",
        spec: &target,
        upstream,
        egress: None,
        cpuset: None,
        limits: None,
        allotted: None,
    };
    let running = match target::launch(&request).await {
        Ok(running) => running,
        Err(error @ target::Error::Keeper(_)) => return Err(launch_halt(&error)),
        Err(error) => return Ok(Outcome::Fails(chain(&error))),
    };
    let (running, came_up) = come_up(&stand.interrupt, running, target.deadline).await?;
    if let Err(error) = came_up {
        let lines = running.log_tail(4).join("\n    ");
        running.stop(PATIENCE).await;
        return Ok(Outcome::Fails(format!("{}; its last lines:\n    {lines}\n", chain(&error))));
    }
    let before = hits(mock).await?;
    let url = &running.endpoints.proxy;
    let answer = match url.address.inet() {
        Some(address) => stand.interrupt.or(send(address, url.tls, &roles.request)).await?,
        None => Err(format!("{url} is no TCP address")),
    };
    let arrived = hits(mock).await? > before;
    running.stop(PATIENCE).await;
    Ok(match answer {
        Ok(answer) if mock.is_some() && !arrived => Outcome::Fails(format!(
            "{} was answered with {} but did not arrive at the upstream",
            roles.request, answer.status
        )),
        Ok(answer) if answer.status != roles.answer.status => Outcome::Fails(format!(
            "{} was answered with {}, before with {}",
            roles.request, answer.status, roles.answer.status
        )),
        Ok(answer) if answer.length != roles.answer.length => Outcome::OtherLength,
        Ok(_) => Outcome::Works,
        Err(why) => Outcome::Fails(format!("{} had no answer: {why}", roles.request)),
    })
}

async fn hits(mock: Option<&Mock>) -> Result<u64, Halt> {
    match mock {
        Some(mock) => mock.hits().await,
        None => Ok(0),
    }
}
