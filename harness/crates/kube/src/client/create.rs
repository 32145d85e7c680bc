//! Creates the objects of a run, and removes them.

use harness_base::units::Nanos;
use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;

use super::cluster::{Cluster, Resource, Selector};
use super::error::{Call, KubeError};
use super::status::{name, text};
use super::watching::Seen;
use crate::objects::{HUB, MANAGED_BY, MANAGER, Owner, ROLE, RUN};

/// How long a pod may take to go after its grace.
const SETTLING: Nanos = Nanos::from_secs(30);

/// The hub's Job of a run that has not been removed. Everything that the run left belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The run that made it.
    pub run: String,
    pub job: String,
    pub uid: String,
}

impl Cluster {
    /// Creates the hub's Job, and returns it as the owner of everything else.
    ///
    /// # Errors
    /// Returns [`KubeError::Exists`] when there is one of this run, and every other error of the API.
    pub async fn create_hub(&self, hub: &Value) -> Result<Owner, KubeError> {
        let created = self.create(Resource::Jobs, hub).await?;
        Ok(Owner { name: name(&created), uid: text(&created["metadata"]["uid"]) })
    }

    /// Creates the secret of the nodes.
    ///
    /// # Errors
    /// Returns every error of the API, none of which contains the secret.
    pub async fn create_secret(&self, secret: &Value) -> Result<(), KubeError> {
        self.create(Resource::Secrets, secret).await.map(drop)
    }

    /// Creates the Job of the nodes.
    ///
    /// # Errors
    /// Returns every error of the API. Whether the nodes start is seen from those that join and from [`Cluster::failures`].
    pub async fn create_nodes(&self, nodes: &Value) -> Result<(), KubeError> {
        self.create(Resource::Jobs, nodes).await.map(drop)
    }

    /// Creates the pod with the target.
    ///
    /// # Errors
    /// Returns every error of the API. Whether the pod runs is seen from [`Cluster::running_pod`].
    pub async fn create_pod(&self, pod: &Value) -> Result<(), KubeError> {
        self.create(Resource::Pods, pod).await.map(drop)
    }

    /// Deletes a pod, whose containers have `grace` to end, and waits until it is gone. A pod that is gone already counts as deleted.
    ///
    /// # Errors
    /// Returns [`KubeError::Late`] when it still exists 30 s after its grace, and every other error of the API.
    pub async fn delete_pod(&self, name: &str, grace: Nanos) -> Result<(), KubeError> {
        // A grace of 0 would remove the object while the containers may still run.
        let seconds = u32::try_from(grace.0.div_ceil(Nanos::from_secs(1).0)).unwrap_or(u32::MAX).max(1);
        let params = DeleteParams::default().grace_period(seconds);
        if !self.deleted(Resource::Pods, name, &params).await? {
            return Ok(());
        }
        let gone = |seen: Seen<'_>| match seen {
            Seen::Is(_) => None,
            Seen::Deleted(_) | Seen::Nothing => Some(Ok(())),
        };
        let pod = format!("pod {name}");
        self.awaited((pod.as_str(), "go"), &Selector::named(name), grace.plus(SETTLING), gone).await
    }

    /// Deletes the hub's Job, and with it everything that it owns. Does not wait for that. A Job that is gone already counts as removed. An
    /// owner without uid is every Job of that name.
    ///
    /// # Errors
    /// Returns every other error of the API.
    pub async fn remove(&self, owner: &Owner) -> Result<(), KubeError> {
        let uid = Some(owner.uid.clone()).filter(|uid| !uid.is_empty());
        let mut params = DeleteParams::background();
        params.preconditions = uid.map(|uid| Preconditions { uid: Some(uid), ..Preconditions::default() });
        match self.deleted(Resource::Jobs, &owner.name, &params).await {
            // Another Job has this name now.
            Err(KubeError::Refused { code: 409, .. }) => Ok(()),
            removed => removed.map(|_existed| ()),
        }
    }

    /// Returns the hubs of all runs in this namespace that have not been removed; a run that goes on is one of them.
    ///
    /// # Errors
    /// Returns every error of the API.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, KubeError> {
        let hubs = Selector::labels(format!("{MANAGED_BY}={MANAGER},{ROLE}={HUB}"));
        let listed = self.list(Resource::Jobs, &hubs).await?;
        let leftover = |job: &Value| {
            let metadata = &job["metadata"];
            Leftover { run: text(&metadata["labels"][RUN]), job: name(job), uid: text(&metadata["uid"]) }
        };
        Ok(listed.items.iter().map(leftover).collect())
    }

    /// Deletes an object, and returns whether there was one.
    async fn deleted(&self, resource: Resource, name: &str, params: &DeleteParams) -> Result<bool, KubeError> {
        let call = Call::new("delete", resource.word(), Some(name));
        match self.send(call, self.requests(resource).delete(name, params)).await {
            Err(error) if error.is_absent() => Ok(false),
            answered => answered.map(|_answer| true),
        }
    }
}
