//! Reads `[fleet]`: the load comes from several nodes instead of one process of this machine.

mod engine;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::spec::Section;
use crate::work::Stage;
use engine::Cluster;
use harness_base::units::{Bytes, Nanos};
use harness_fleet::spec::{Each, FleetEngine, FleetSpec, Range};
use harness_rig::target::spec::{Launch, Spec as TargetSpec, Upstream};
use harness_rig::target::template::{Piece, Template, variable};

const ABOUT: &str = "several nodes that send the load together, instead of one process of this machine";

/// The most nodes of one hub.
const MOST_NODES: u64 = 1_000;

/// Where the hub listens if the scenario does not say so.
const LISTEN: &str = "127.0.0.1:7411";

/// Where nodes join in the pod of the hub.
const IN_POD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 7411);

/// Parts of a scenario that a fleet is checked against.
pub(super) struct Rest<'a> {
    pub(super) target: &'a TargetSpec,
    pub(super) upstream: Option<&'a Upstream>,
    pub(super) stages: &'a [Stage],
    /// Whether two builds are compared.
    pub(super) compares: bool,
}

/// Reads `[fleet]`; `None` if it is not written.
pub(super) fn read(root: &Section<'_>) -> Option<FleetSpec> {
    let section = root.optional_table("fleet", ABOUT)?;
    let engine = engine::read(&section);
    let many = |nodes: &u64| match (1..=MOST_NODES).contains(nodes) {
        true => Ok(()),
        false => Err(format!("must be between 1 and {MOST_NODES}, is {nodes}")),
    };
    let nodes = section.field("nodes", "number of nodes; the load is split over them, never multiplied").check(many);
    let nodes = nodes.required();
    let is_own: bool = section
        .field(
            "i-own-this",
            "whether the public addresses in listen and reach belong to you, so that they may be loaded",
        )
        .default(false);
    let reach = read_reach(&section, is_own);
    let listen = read_listen(&section, &reach, is_own);
    let positive = |span: &Nanos| if *span > Nanos::ZERO { Ok(()) } else { Err("must be longer than 0".to_owned()) };
    let wait = section.field("wait", "how long all nodes may take to join").check(positive);
    let wait = wait.default(Nanos::from_secs(60));
    let about = "swarm and kubernetes: image of the nodes; default with swarm: one that is made of this program";
    let image = section.field("image", about).optional();
    let each = section.optional_table("each", "swarm and kubernetes: limits of each node").map(|each| read_each(&each));
    let constraints = section
        .field("constraints", "swarm: constraints of the placement, for example [\"node.labels.load==yes\"]")
        .default(Vec::new());
    let Cluster { context, namespace, node_selector, co_located } = engine::read_cluster(&section);
    engine::check_keys(&section, engine);
    let in_cluster = engine == FleetEngine::Kubernetes;
    if in_cluster && !section.has("image") {
        let hint = "name an image whose entrypoint is harness; harness __image makes one of this program".to_owned();
        section.mistake("image", "is missing: Kubernetes runs hub, nodes and agent from it", Some(hint));
    }
    let (listen, each) = (if in_cluster { IN_POD } else { listen }, each.unwrap_or_default());
    (!section.describing()).then_some(FleetSpec {
        engine,
        nodes,
        listen,
        reach,
        wait,
        image,
        each,
        constraints,
        context,
        namespace,
        node_selector,
        co_located,
    })
}

fn read_each(section: &Section<'_>) -> Each {
    let some = |cpus: &f64| if *cpus > 0.0 { Ok(()) } else { Err(format!("must be more than 0, is {cpus}")) };
    let memory: Option<Bytes> = section.field("memory", "memory of each node, for example \"128MiB\"").optional();
    Each { cpus: section.field("cpus", "CPUs of each node, for example 0.5").check(some).optional(), memory }
}

/// Reads the address of the hub, which must be one that nodes may load, because the bundled upstream listens there too.
fn read_listen(section: &Section<'_>, reach: &[Range], is_own: bool) -> SocketAddr {
    let about = "address of this machine as the nodes see it, and the port of the hub";
    let text: String = section.field("listen", about).default(LISTEN.to_owned());
    let fallback = SocketAddr::from(([127, 0, 0, 1], 7411));
    let hint = "write an address of this machine and a port, for example \"10.0.0.5:7411\"".to_owned();
    let Ok(listen) = text.parse::<SocketAddr>() else {
        section.mistake("listen", format!("must be an IP address and a port, is {text:?}"), Some(hint));
        return fallback;
    };
    let address = listen.ip();
    if address.is_unspecified() {
        let message = format!("{address} is every address of this machine, and the nodes need one");
        section.mistake("listen", message, Some(hint));
    } else if !may_reach(reach, address) {
        let message = format!("{address} is not in reach, so the nodes may not load what listens there");
        let own = if is_own { String::new() } else { " and, if it is public, i-own-this = true".to_owned() };
        let hint = format!("write reach = [\"{address}/{}\"]{own}", if address.is_ipv4() { 32 } else { 128 });
        section.mistake("listen", message, Some(hint));
    }
    listen
}

fn read_reach(section: &Section<'_>, is_own: bool) -> Vec<Range> {
    let about = "ranges of addresses that may be loaded besides loopback, for example [\"198.18.0.0/24\"]";
    let texts: Vec<String> = section.field("reach", about).default(Vec::new());
    let read = |(index, text): (usize, &String)| {
        let key = format!("reach.{index}");
        match Range::parse(text) {
            Ok(range) if range.is_public() && !is_own => {
                let message = format!("{text} contains public addresses, which may belong to others");
                let hint = "write a private range, or i-own-this = true if these machines are yours".to_owned();
                section.mistake(&key, message, Some(hint));
                None
            }
            Ok(range) => Some(range),
            Err(error) => {
                section.mistake(&key, error.to_string(), Some("for example \"10.0.0.0/24\"".to_owned()));
                None
            }
        }
    };
    texts.iter().enumerate().filter_map(read).collect()
}

/// Returns whether traffic may go to an address: loopback, or one within the ranges.
pub(super) fn may_reach(reach: &[Range], address: IpAddr) -> bool {
    address.is_loopback() || reach.iter().any(|range| range.contains(address))
}

/// Returns what the bundled upstream is with a fleet: it listens where the nodes reach it, unless the scenario says where.
pub(super) fn placed(upstream: Option<Upstream>, fleet: Option<&FleetSpec>) -> Option<Upstream> {
    match (upstream, fleet) {
        (Some(Upstream::Builtin(mut builtin)), Some(fleet))
            if !builtin.unix && fleet.engine != FleetEngine::Kubernetes =>
        {
            builtin.address = builtin.address.or(Some(fleet.listen.ip()));
            Some(Upstream::Builtin(builtin))
        }
        (upstream, _) => upstream,
    }
}

/// Checks that a fleet can do what the scenario asks for.
pub(super) fn check(root: &Section<'_>, fleet: Option<&FleetSpec>, rest: &Rest<'_>) {
    let Some(fleet) = fleet else { return };
    // In a cluster, target and upstream are checked together with their pod.
    if fleet.engine != FleetEngine::Kubernetes {
        check_target(root, fleet, rest.target);
        check_upstream(root, fleet, rest.upstream);
    }
    if root.has("network") || rest.stages.iter().any(|stage| !stage.network.is_empty()) {
        let hint = "remove [network] or [fleet]".to_owned();
        root.mistake("network", "relays are on this machine, and the nodes of [fleet] do not cross them", Some(hint));
    }
    if root.writes("generator.cpuset") {
        let message = "is about CPUs of this machine, and the nodes of [fleet] send the load";
        root.mistake("generator.cpuset", message, Some("remove it, or limit the nodes with fleet.each".to_owned()));
    }
    if rest.compares {
        let message = "loads one target at a time, and two builds need a generator each at the same time";
        let hint = "remove [compare] and --against, or [fleet]; compare the results of two runs instead".to_owned();
        root.mistake("fleet", message, Some(hint));
    }
    rest.stages.iter().for_each(|stage| check_stage(root, fleet, stage));
}

fn check_target(root: &Section<'_>, fleet: &FleetSpec, target: &TargetSpec) {
    let message = match &target.launch {
        Launch::Process(_) | Launch::External(_) | Launch::Pod(_) => None,
        Launch::Container(_) => Some("a container is not published at an address that the nodes of [fleet] reach"),
        Launch::Command(_) => Some("a command has no address that the nodes of [fleet] could load"),
        Launch::Stdio(_) => Some("pipes have no address that the nodes of [fleet] could load"),
    };
    if let Some(message) = message {
        let hint = "start a server with [target.process], or name one with [target.external]".to_owned();
        root.mistake("target", message, Some(hint));
        return;
    }
    check_place(root, fleet, "target.endpoints.proxy", &target.endpoints.proxy, "proxy");
}

fn check_upstream(root: &Section<'_>, fleet: &FleetSpec, upstream: Option<&Upstream>) {
    match upstream {
        Some(Upstream::Builtin(builtin)) if builtin.unix => {
            let hint = "remove unix".to_owned();
            root.mistake("upstream.builtin.unix", "the nodes of [fleet] cannot reach a unix socket", Some(hint));
        }
        Some(Upstream::Builtin(builtin)) => {
            let elsewhere = builtin.address.filter(|address| address.is_loopback() && !fleet.listen.ip().is_loopback());
            if let Some(address) = elsewhere {
                let message = format!("{address} is another machine for each node of [fleet]");
                let hint = "remove address; it listens at the address of fleet.listen".to_owned();
                root.mistake("upstream.builtin.address", message, Some(hint));
            }
        }
        Some(Upstream::Process { url, .. }) => check_place(root, fleet, "upstream.process.url", url, "upstream"),
        Some(Upstream::Url(url)) => check_place(root, fleet, "upstream.url", url, "upstream"),
        Some(Upstream::Stdio(_)) | None => {}
    }
}

/// Checks that a URL leads to the same place on every node.
fn check_place(root: &Section<'_>, fleet: &FleetSpec, key: &str, url: &str, port: &str) {
    let address = fleet.listen.ip();
    let host = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
    if url.starts_with("unix:") {
        let hint = format!("let it listen at http://{host}:{{port.{port}}}");
        root.mistake(key, "the nodes of [fleet] cannot reach a unix socket", Some(hint));
    } else if is_loopback(url) && !address.is_loopback() {
        let message = format!("{url} is another machine for each node of [fleet]");
        root.mistake(key, message, Some(format!("let it listen at http://{host}:{{port.{port}}}")));
    }
}

/// Returns whether the host of a URL is this machine. A variable that is not set has no value yet.
fn is_loopback(url: &str) -> bool {
    let value = |piece: &Piece| match piece {
        Piece::Variable { name, default } => {
            Ok::<_, Infallible>(variable(name, default.as_deref()).unwrap_or_default())
        }
        _ => Ok("9".to_owned()),
    };
    let Ok(Ok(text)) = Template::parse(url).map(|template| template.render(value)) else { return false };
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|beginning| rest.starts_with(beginning))
}

/// Checks that a stage can run, and that each node has at least one of its connections.
fn check_stage(root: &Section<'_>, fleet: &FleetSpec, stage: &Stage) {
    let (key, work) = (format!("stage.{}", stage.name), stage.work.planned());
    if !work.runs_on_fleet() {
        let kind = stage.kind().name();
        let hint =
            "give it a scenario without [fleet]; stages that only send requests in rounds run on a fleet".to_owned();
        root.mistake(&key, format!("of kind {kind} does not run on a fleet yet"), Some(hint));
        return;
    }
    if let Some(load) = work.load().filter(|load| load.connections < fleet.nodes) {
        let message =
            format!("has {} connections for {} nodes, and each node needs one", load.connections, fleet.nodes);
        root.mistake(&key, message, Some("raise connections or vus, or lower fleet.nodes".to_owned()));
    }
}
