//! Prints every object that a run can create, and the rights that it needs, one JSON document on each line: what `scripts/check-kubernetes`
//! gives to a validator.
#![allow(clippy::print_stdout, reason = "the lines are what the program is for")]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use harness_base::units::Nanos;
use harness_kube::objects::{
    Agent, Common, Container, FLEET_PORT, Nodes, ObjectError, Owner, Shape, Size, hub, nodes, prefix, secret, target,
};
use harness_kube::rights::{binding, role};
use serde_json::{Value, json};

const NAMESPACE: &str = "bench";

fn container(image: Option<&str>, command: &[&str], args: &[&str]) -> Container {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Container {
        image: image.map(str::to_owned),
        command: texts(command),
        args: texts(args),
        env: vec![("LOG".to_owned(), "warn".to_owned())],
        size: Size { cpus: 0.5, memory_bytes: 128 << 20 },
    }
}

/// A user's pod with a proxy beside a shop.
fn manifest() -> Value {
    let user = json!({ "runAsUser": 101, "runAsGroup": 101 });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "labels": { "app": "shop" } },
        "spec": {
            "volumes": [{ "name": "config", "configMap": { "name": "proxy" } }],
            "containers": [
                { "name": "shop", "image": "shop:7", "ports": [{ "containerPort": 9000 }] },
                {
                    "name": "proxy",
                    "image": "proxy:2",
                    "securityContext": user,
                    "resources": { "limits": { "cpu": "1", "memory": "256Mi" } },
                    "volumeMounts": [{ "name": "config", "mountPath": "/etc/proxy" }],
                },
            ],
        },
    })
}

fn agent(full: bool) -> Agent<'static> {
    let given = |url: &'static str| full.then_some(url);
    Agent {
        hub: SocketAddr::from(([10, 1, 2, 3], FLEET_PORT)),
        wait: Nanos::from_secs(60),
        deadline: Nanos::from_secs(10),
        proxy: "http://$(POD_IP):8080",
        health: given("http://$(POD_IP):8081/health"),
        ready: given("http://$(POD_IP):8081/ready"),
        ledger: given("http://127.0.0.1:9000/__upstream/ledger"),
        direct_port: full.then_some(9000),
        size: Size { cpus: 0.5, memory_bytes: 128 << 20 },
    }
}

/// Returns the pods of every shape.
fn pods(common: &Common<'_>, owner: &Owner) -> Result<Vec<Value>, ObjectError> {
    let sidecar = container(None, &[], &["__sidecar", "--listen", "0.0.0.0:8080"]);
    let foreign = container(Some("proxy:2"), &["/proxy", "--port=8080"], &[]);
    let app = container(None, &[], &["__upstream", "--listen", "0.0.0.0:9000"]);
    let manifest = manifest();
    let shapes = [
        Shape::Made { target: sidecar, app: Some(app.clone()), native: true },
        Shape::Made { target: foreign.clone(), app: Some(app), native: false },
        Shape::Made { target: foreign, app: None, native: true },
        Shape::Manifest { pod: &manifest, container: "proxy" },
    ];
    let both = [agent(true), agent(false)];
    let each = shapes.iter().flat_map(|shape| both.iter().map(move |agent| (shape, agent)));
    each.enumerate().map(|(at, (shape, agent))| target(common, owner, &format!("stage-{at}"), shape, agent)).collect()
}

/// Returns everything that a run with these settings creates.
fn all(common: &Common<'_>) -> Result<Vec<Value>, ObjectError> {
    let owner = Owner { name: format!("{}-hub", prefix(common.run_id)), uid: "2f4c".to_owned() };
    let fleet = |cpus, memory_bytes| Nodes {
        nodes: 4,
        hub: SocketAddr::from(([10, 1, 2, 3], FLEET_PORT)),
        wait: Nanos::from_secs(60),
        cpus,
        memory_bytes,
    };
    let mut all = vec![hub(common), secret(common, &owner, "node-word")];
    all.push(nodes(common, &owner, &fleet(None, None)));
    all.push(nodes(common, &owner, &fleet(Some(0.5), Some(256 << 20))));
    all.extend(pods(common, &owner)?);
    Ok(all)
}

fn main() -> Result<(), ObjectError> {
    let (nowhere, pool) = (BTreeMap::new(), BTreeMap::from([("pool".to_owned(), "load".to_owned())]));
    let mut objects = vec![role(NAMESPACE), binding(NAMESPACE, "ada"), binding(NAMESPACE, "ci:runner")];
    for (node_selector, co_located) in [(&nowhere, true), (&pool, false)] {
        let deadline = Nanos::from_secs(3600);
        let (run_id, image) = ("20261120T183005Z-4f1c", "harness-fleet:1");
        objects.extend(all(&Common { run_id, namespace: NAMESPACE, image, node_selector, co_located, deadline })?);
    }
    objects.iter().for_each(|object| println!("{object}"));
    Ok(())
}
