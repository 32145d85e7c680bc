//! A stand-in for a cluster: the part of the Kubernetes API that the harness uses, on loopback, and one node that runs what it is given.
//!
//! It permits what the Role of `harness fleet rbac` permits, and records what it was asked. Pods are processes of this machine: those of Jobs with
//! a monotonic clock of their own, those that share their processes in a PID namespace, each container of these in a control group with its
//! limits and with an address of its own. Every image is the harness, and containers run as root. It cannot show whether a real API server would
//! answer so, nor how a network between machines behaves.

mod answers;
mod api;
mod container;
mod forward;
mod groups;
mod jobs;
mod kubelet;
mod network;
mod request;
mod rights;
mod sandbox;
mod shared;
mod status;
mod store;
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::limits::groups_can_be_made;
use crate::support::waiting::comes_true;
use crate::support::{Scratch, processes_naming};

pub(crate) use rights::Right;
pub(crate) use shared::Faults;
use shared::{Shared, lock};

const NAMESPACE: &str = "bench";

/// The stand-in. Its pods end when it is dropped, and with this process.
pub(crate) struct Cluster {
    address: SocketAddr,
    shared: Arc<Shared>,
    scratch: Scratch,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Cluster {
    /// Starts a cluster. Returns `None` where this is not permitted; says so, or fails if everything is required.
    pub(crate) fn start(test: &str, faults: Faults) -> Option<Self> {
        if !groups_can_be_made(test) {
            return None;
        }
        let scratch = Scratch::new();
        let mut role = rights::of_the_printed_role(NAMESPACE);
        role.retain(|right| !faults.without.is_some_and(|without| right.is(without)));
        let shared = Arc::new(Shared::new(NAMESPACE, role, faults, scratch.0.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(api::serve(listener, Arc::clone(&shared)));
        let cluster = Self { address, shared, scratch, runtime: Some(runtime) };
        fs::write(cluster.scratch.0.join("config"), cluster.config().to_string()).unwrap();
        Some(cluster)
    }

    /// Returns the configuration of a client; JSON is YAML.
    fn config(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "stand-in",
            "clusters": [{ "name": "stand-in", "cluster": { "server": format!("http://{}", self.address) } }],
            "users": [{ "name": "bench", "user": { "token": api::TOKEN } }],
            "contexts": [{ "name": "stand-in", "context": { "cluster": "stand-in", "user": "bench", "namespace": NAMESPACE } }],
        })
    }

    /// Lets a command use this cluster.
    pub(crate) fn serves<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("KUBECONFIG", self.scratch.0.join("config"))
    }

    /// Returns whether pods have addresses of their own.
    pub(crate) fn has_addresses(&self) -> bool {
        self.shared.network.is_some()
    }

    /// Returns the rights of the Role.
    pub(crate) fn role(&self) -> &BTreeSet<Right> {
        &self.shared.role
    }

    /// Returns the rights that were used.
    pub(crate) fn used(&self) -> BTreeSet<Right> {
        lock(&self.shared.used).clone()
    }

    /// Returns what was asked for without a right.
    pub(crate) fn denied(&self) -> BTreeSet<Right> {
        lock(&self.shared.denied).clone()
    }

    /// Asks the API with the rights of the Role. Returns the status and the answer.
    pub(crate) fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let token = api::TOKEN;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: stand-in\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Returns the processes of a container with this name that runs in a pod whose name contains this part.
    pub(crate) fn processes(&self, pod: &str, container: &str) -> Vec<i32> {
        let pods: Vec<String> = lock(&self.shared.pods).keys().filter(|name| name.contains(pod)).cloned().collect();
        let running = pods.iter().flat_map(|pod| kubelet::running(&self.shared, pod));
        running.filter(|(name, _)| name == container).flat_map(|(_, processes)| processes).collect()
    }

    /// Returns what the reference sidecars printed at their ends.
    pub(crate) fn truths(&self) -> Vec<Value> {
        let pods = fs::read_dir(self.scratch.0.join("logs")).into_iter().flatten().flatten();
        let logs = pods.flat_map(|pod| fs::read_dir(pod.path()).into_iter().flatten().flatten());
        let truth = |path: std::path::PathBuf| {
            let text = String::from_utf8_lossy(&fs::read(path).ok()?).into_owned();
            serde_json::from_str(text.lines().rev().find_map(|line| line.strip_prefix("truth "))?).ok()
        };
        logs.filter_map(|log| truth(log.path())).collect()
    }

    /// Returns the objects, processes and control groups that exist.
    pub(crate) fn left(&self) -> Vec<String> {
        let objects = self.shared.with(|store| store.names());
        let processes =
            processes_naming(&self.scratch.0).into_iter().map(|(pid, line)| format!("process {pid}: {line}"));
        objects.into_iter().chain(processes).chain(groups::existing()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pods: Vec<String> = lock(&self.shared.pods).keys().cloned().collect();
        pods.iter().for_each(|pod| kubelet::delete(&self.shared, pod, Some(0)));
        comes_true(|| groups::existing().is_empty() && processes_naming(&self.scratch.0).is_empty());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
