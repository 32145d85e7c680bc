//! The agent's container: it samples the target from inside the pod.

use std::net::SocketAddr;

use harness_base::units::Nanos;
use serde_json::{Value, json};

use super::common::Common;
use super::container::{Size, ours, quantities, reads_secret};

/// The name of the agent's container, which no container of a user's pod may have.
pub const AGENT: &str = "harness-agent";

/// The port at which the agent listens once it watches. Kubernetes starts the target only then.
const WATCHING: u16 = 7412;

/// What the agent is told. URLs may contain `$(POD_IP)`, which Kubernetes replaces.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// The address at which the agent reaches the hub.
    pub hub: SocketAddr,
    /// How long it dials the hub.
    pub wait: Nanos,
    /// How long the target may take until it is ready.
    pub deadline: Nanos,
    pub proxy: &'a str,
    pub health: Option<&'a str>,
    pub ready: Option<&'a str>,
    /// The ledger of the bundled upstream.
    pub ledger: Option<&'a str>,
    /// The port of the direct arm.
    pub direct_port: Option<u16>,
    /// What the agent requests, and at most gets.
    pub size: Size,
}

/// Describes the container with this security context. It is a native sidecar, so it runs before the target is started.
pub(super) fn container(common: &Common<'_>, agent: &Agent<'_>, security: Value) -> Value {
    let mut container = ours(AGENT, common.image, &args(agent));
    reads_secret(&mut container);
    if let Some(env) = container["env"].as_array_mut() {
        env.push(from_pod("POD_IP", "status.podIP"));
        env.push(from_pod("POD_NAME", "metadata.name"));
    }
    container["securityContext"] = security;
    container["resources"] = json!({ "requests": quantities(agent.size), "limits": quantities(agent.size) });
    container["restartPolicy"] = json!("Always");
    container["startupProbe"] =
        json!({ "tcpSocket": { "port": WATCHING }, "periodSeconds": 1, "failureThreshold": 120 });
    container
}

fn args(agent: &Agent<'_>) -> Vec<String> {
    let Agent { hub, wait, deadline, proxy, health, ready, ledger, direct_port, size: _ } = *agent;
    let mut args = vec!["__agent".to_owned()];
    let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    flag("--hub", &hub.to_string());
    flag("--name", "$(POD_NAME)");
    flag("--wait", &wait.notation());
    flag("--deadline", &deadline.notation());
    flag("--watching-port", &WATCHING.to_string());
    flag("--proxy", proxy);
    for (name, url) in [("--health", health), ("--ready", ready), ("--ledger", ledger)] {
        if let Some(url) = url {
            flag(name, url);
        }
    }
    if let Some(port) = direct_port {
        flag("--direct-port", &port.to_string());
    }
    args
}

/// Returns an environment variable whose value Kubernetes takes from the pod.
fn from_pod(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}
