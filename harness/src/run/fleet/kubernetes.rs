//! Lets Kubernetes run the hub, the nodes and the targets of a fleet. All of it belongs to one object, the Job of the hub.

mod shape;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use super::follower::{Follower, facts};
use super::placed::Placed;
use super::trouble::Trouble;
use crate::plan::Plan;
use crate::work::Stage;
use harness_base::units::Nanos;
use harness_fleet::secret::NodeSecret;
use harness_fleet::spec::FleetSpec;
use harness_kube::objects::{self, Agent, Common, NODE, Nodes, Owner};
use harness_kube::{Cluster, KubeError};
use harness_load::Streams;

use shape::Shaped;

/// The port at which nodes and agents join the hub.
const JOIN: u16 = 7411;
/// The port at which control speaks with the hub, on loopback of its pod.
const CONTROL: u16 = 7410;
/// How many times as long as expected a run may take before Kubernetes ends it: rounds are repeated up to four times.
const LONGEST: u64 = 5;
/// Time for pods to be scheduled, images to be pulled and pods to be removed.
const AROUND: Nanos = Nanos::from_secs(900);
/// The time in which a pod is pulled and started.
const STARTING: Nanos = Nanos::from_secs(120);
/// Number of log lines of a target that did not come up.
const LINES: usize = 8;
/// The time that the target of a pod has to end.
const GRACE: Nanos = Nanos::from_secs(5);

/// A cluster, and what a run has in it.
#[derive(Debug)]
pub(crate) struct OnKubernetes {
    cluster: Cluster,
    owner: Owner,
    /// The address of the hub's pod, once it runs.
    hub: OnceLock<IpAddr>,
    terms: Terms,
}

/// What all objects of a run have in common.
#[derive(Debug)]
struct Terms {
    run_id: String,
    image: String,
    node_selector: BTreeMap<String, String>,
    co_located: bool,
    deadline: Nanos,
}

impl Terms {
    fn common<'a>(&'a self, namespace: &'a str) -> Common<'a> {
        let Self { run_id, image, node_selector, co_located, deadline } = self;
        Common { run_id, namespace, image, node_selector, co_located: *co_located, deadline: *deadline }
    }
}

impl OnKubernetes {
    /// Connects to the cluster and creates the Job of the hub, to which everything else will belong.
    ///
    /// # Errors
    /// Returns [`Trouble`] in the words of Kubernetes.
    pub(super) async fn create(spec: &FleetSpec, plan: &Plan, run_id: &str) -> Result<Self, Trouble> {
        let image = spec.image.clone().ok_or(Trouble::NoImage)?;
        let cluster = Cluster::connect(spec.context.as_deref(), spec.namespace.as_deref()).await?;
        let deadline = plan.expected_duration().times(LONGEST).plus(spec.wait).plus(AROUND);
        let terms = Terms {
            run_id: run_id.to_owned(),
            image,
            node_selector: spec.node_selector.clone(),
            co_located: spec.co_located,
            deadline,
        };
        let owner = cluster.create_hub(&objects::hub(&terms.common(cluster.namespace()))).await?;
        Ok(Self { cluster, owner, hub: OnceLock::new(), terms })
    }

    /// Names the earlier runs that have left something in the namespace; none if the cluster does not tell.
    pub(super) async fn leftovers(&self) -> Vec<String> {
        let left = self.cluster.leftovers().await.unwrap_or_default();
        left.into_iter().filter(|left| left.job != self.owner.name).map(|left| left.run).collect()
    }

    /// Waits until the hub runs. Returns the streams to it, which come through one port-forward.
    ///
    /// # Errors
    /// Returns [`Trouble`] in the words of Kubernetes.
    pub(super) async fn hub(&self) -> Result<Streams, Trouble> {
        let pod = self.cluster.hub_pod(&self.owner, STARTING).await?;
        let _first = self.hub.set(pod.address);
        let forwarded = self.cluster.forward(&pod.name, CONTROL).await?;
        let (answers, commands) = tokio::io::split(forwarded);
        Ok(Streams::new(commands, answers))
    }

    /// Creates the secret and the Job of the nodes.
    ///
    /// # Errors
    /// Returns [`Trouble`] in the words of Kubernetes.
    pub(super) async fn place(&self, spec: &FleetSpec, secret: &NodeSecret) -> Result<(), Trouble> {
        let common = self.common();
        self.cluster.create_secret(&objects::secret(&common, &self.owner, &secret.text())).await?;
        let nodes = Nodes {
            nodes: spec.nodes,
            hub: self.joined_at(),
            wait: spec.wait,
            cpus: spec.each.cpus,
            memory_bytes: spec.each.memory.map(|memory| memory.0),
        };
        self.cluster.create_nodes(&objects::nodes(&common, &self.owner, &nodes)).await?;
        Ok(())
    }

    /// Returns why nodes do not run.
    pub(super) async fn failures(&self) -> Vec<String> {
        self.cluster.failures(&self.terms.run_id, NODE).await.iter().map(ToString::to_string).collect()
    }

    /// Removes everything.
    pub(super) async fn remove(&self) {
        // What cannot be removed ends by its own deadline, and `harness clean --kubernetes` reports it.
        let _kept = self.cluster.remove(&self.owner).await;
    }

    /// Returns the name of the agent in the pod of an instance.
    pub(crate) fn agent(&self, instance: &str) -> String {
        objects::target_name(&self.terms.run_id, instance)
    }

    /// Starts the pod of an instance, and waits until its containers run.
    ///
    /// # Errors
    /// Returns [`Trouble`] if the pod is refused or does not run; it has been removed then.
    pub(crate) async fn start_target(&self, plan: &Plan, stage: &Stage, instance: &str) -> Result<Placed, Trouble> {
        let shaped = Shaped::of(plan, stage)?;
        let agent = Agent {
            hub: self.joined_at(),
            wait: STARTING,
            deadline: plan.target.deadline,
            proxy: &shaped.proxy,
            health: shaped.health.as_deref(),
            ready: shaped.ready.as_deref(),
            ledger: shaped.ledger.as_deref(),
            direct_port: shaped.direct_port,
            size: shaped.agent,
        };
        let pod = objects::target(&self.common(), &self.owner, instance, &shaped.shape(), &agent)?;
        self.cluster.create_pod(&pod).await?;
        let mut placed = self.running(&self.agent(instance), shaped.container()).await;
        if let Err(Trouble::Kubernetes(KubeError::Ended(failure))) = &placed
            && failure.has_ended
            && failure.container.as_deref() == Some(shaped.container())
        {
            placed = Err(Trouble::TargetEnded(failure.clone()));
        }
        if placed.is_err() {
            self.end_target(instance).await;
        }
        placed
    }

    async fn running(&self, name: &str, container: &str) -> Result<Placed, Trouble> {
        let state = self.cluster.running_pod(name, STARTING).await?;
        let Some(id) = state.containers.get(container) else {
            let found = state.containers.keys().cloned().collect();
            return Err(Trouble::NoContainer { pod: name.to_owned(), container: container.to_owned(), found });
        };
        let (id, address) = (id.clone(), state.address);
        let (followed, container) = (self.cluster.follow(name, container), container.to_owned());
        let follower = Arc::new(Follower::new(followed, container.clone()));
        Ok(Placed { facts: facts(state, &container), address, container, id, follower })
    }

    /// Returns the last lines of a container of an instance.
    pub(crate) async fn log_tail(&self, instance: &str, container: &str) -> Vec<String> {
        self.cluster.log_tail(&self.agent(instance), container, LINES).await
    }

    /// Removes the pod of an instance.
    pub(crate) async fn end_target(&self, instance: &str) {
        // It belongs to the hub's Job, with which it is removed otherwise.
        let _kept = self.cluster.delete_pod(&self.agent(instance), GRACE).await;
    }

    fn common(&self) -> Common<'_> {
        self.terms.common(self.cluster.namespace())
    }

    /// Returns where nodes and agents join.
    fn joined_at(&self) -> SocketAddr {
        // The hub has told that it listens, so its pod is known.
        SocketAddr::new(self.hub.get().copied().unwrap_or(IpAddr::from([127, 0, 0, 1])), JOIN)
    }
}
