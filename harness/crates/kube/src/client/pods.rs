//! Waits for pods, follows them, and tells why they do not run.

use std::net::IpAddr;

use harness_base::units::Nanos;
use kube::api::LogParams;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::cluster::{Cluster, Resource, Selector};
use super::ending::{Followed, News, PodEnding};
use super::error::{KubeError, SLOW};
use super::failure::PodFailure;
use super::state::PodState;
use super::status::items;
use super::watching::Seen;
use crate::objects::{HUB, MANAGED_BY, MANAGER, Owner, ROLE, RUN, run_label};

/// The lines of a log that a message has.
const LINES: usize = 5;
/// The largest number of failed pods whose logs are read.
const READ: usize = 3;

/// The pod of the hub, which runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPod {
    pub name: String,
    pub address: IpAddr,
    /// The Kubernetes node.
    pub node: String,
}

impl Cluster {
    /// Waits until the only pod of the hub's Job runs.
    ///
    /// # Errors
    /// Returns [`KubeError::Ended`] when it cannot run, [`KubeError::Late`] after `within`, and every error of the API that stays.
    pub async fn hub_pod(&self, owner: &Owner, within: Nanos) -> Result<HubPod, KubeError> {
        let hubs = Selector::labels(format!("{MANAGED_BY}={MANAGER},{ROLE}={HUB}"));
        let what = format!("the pod of Job {}", owner.name);
        let belongs = |pod: &Value| items(&pod["metadata"], "ownerReferences").any(|by| by["uid"] == owner.uid);
        let state = self.until_running((what.as_str(), owner.name.as_str()), &hubs, within, belongs).await?;
        Ok(HubPod { name: state.name, address: state.address, node: state.node })
    }

    /// Waits until all containers of a pod run.
    ///
    /// # Errors
    /// Returns [`KubeError::Ended`] when one of them cannot run, [`KubeError::Deleted`], [`KubeError::Late`] after `within`, and every error
    /// of the API that stays.
    pub async fn running_pod(&self, name: &str, within: Nanos) -> Result<PodState, KubeError> {
        let what = format!("pod {name}");
        self.until_running((what.as_str(), name), &Selector::named(name), within, |_| true).await
    }

    /// Follows a pod in a task of its own until the handle is dropped.
    pub fn follow(&self, name: &str, container: &str) -> Followed {
        let (sender, news) = watch::channel(News::default());
        let (cluster, selector, container) = (self.clone(), Selector::named(name), container.to_owned());
        let task = tokio::spawn(async move {
            let look = |seen: Seen<'_>| {
                let (state, ending) = match seen {
                    Seen::Is(pod) => (PodState::of(pod), PodEnding::of(pod, &container)),
                    Seen::Deleted(_) | Seen::Nothing => (None, Some(PodEnding::Deleted)),
                };
                let is_over = ending.is_some();
                sender.send_modify(|news| {
                    news.state = state.or_else(|| news.state.take());
                    news.ending = ending;
                });
                is_over.then_some(())
            };
            // An API that refuses this tells nothing more. The agent, too, sees whether the target ends.
            let _over = cluster.seen(&selector, look).await;
        });
        Followed::new(news, task)
    }

    /// Returns why pods of a role did not start or have ended, in the words of Kubernetes and in the order of their names, with the last
    /// lines of the first few. Returns nothing if the API does not tell.
    pub async fn failures(&self, run_id: &str, role: &str) -> Vec<PodFailure> {
        let selector = Selector::labels(format!("{RUN}={},{ROLE}={role}", run_label(run_id)));
        let pods = self.list(Resource::Pods, &selector).await.map(|listed| listed.items).unwrap_or_default();
        let mut found: Vec<PodFailure> = pods.iter().filter_map(PodFailure::of).collect();
        found.sort_by(|one, other| one.pod.cmp(&other.pod));
        let mut told = Vec::with_capacity(found.len());
        for (number, failure) in found.into_iter().enumerate() {
            told.push(if number < READ { self.with_log(failure).await } else { failure });
        }
        told
    }

    /// Returns the last lines that a container printed; none if the API does not tell.
    pub async fn log_tail(&self, pod: &str, container: &str, lines: usize) -> Vec<String> {
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: i64::try_from(lines).ok(),
            ..LogParams::default()
        };
        let Ok(request) = self.requests(Resource::Pods).logs(pod, &params) else { return Vec::new() };
        let client = self.client();
        match timeout(SLOW.duration(), client.request_text(request)).await {
            Ok(Ok(text)) => text.lines().map(str::to_owned).collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    /// Waits until one of the selected pods that `belongs` runs.
    async fn until_running(
        &self,
        (what, name): (&str, &str),
        selector: &Selector,
        within: Nanos,
        belongs: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Result<PodState, KubeError> {
        let mut obstacle = None;
        let has_name = selector.fields.is_some();
        let look = |seen: Seen<'_>| match seen {
            Seen::Is(pod) if belongs(pod) => match PodFailure::of(pod) {
                Some(failure) if failure.is_final => Some(Err(KubeError::Ended(Box::new(failure)))),
                failure => {
                    obstacle = failure;
                    PodState::if_running(pod).map(Ok)
                }
            },
            Seen::Deleted(pod) if belongs(pod) => Some(Err(KubeError::Deleted { pod: name.to_owned() })),
            // A pod with a name was created before; that of a Job may not be yet.
            Seen::Nothing if has_name => Some(Err(KubeError::Deleted { pod: name.to_owned() })),
            Seen::Is(_) | Seen::Deleted(_) | Seen::Nothing => None,
        };
        let running = self.awaited((what, "run"), selector, within, look).await;
        match running {
            Err(KubeError::Ended(failure)) => Err(KubeError::Ended(Box::new(self.with_log(*failure).await))),
            Err(error) => Err(error.explained(obstacle)),
            running => running,
        }
    }

    /// Adds the last lines of the failed container.
    async fn with_log(&self, failure: PodFailure) -> PodFailure {
        let Some(container) = failure.container.clone() else { return failure };
        let lines = self.log_tail(&failure.pod, &container, LINES).await;
        failure.and_log(&lines)
    }
}
