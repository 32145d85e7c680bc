//! Starts nodes that join the hub of a run on this machine.

use std::fs::File;
use std::io::BufReader;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::waiting::comes_true;
use crate::support::{Ran, Scratch, harness, newest, ran, run_command, sidecar};
use harness::measure::node_line::{self, FILE, NodeLine};
use harness::report::validate::check;

const HUB: &str = "HARNESS_FLEET_HUB_SECRET";
const NODE: &str = "HARNESS_FLEET_SECRET";

/// The secrets of a fleet.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) hub: String,
    pub(super) node: String,
}

/// Makes the secrets of a fleet, as a user does.
pub(super) fn secrets() -> Secrets {
    let output = harness().args(["fleet", "secret"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let of =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("export {name}="))).unwrap().to_owned();
    Secrets { hub: of(HUB), node: of(NODE) }
}

/// How a node is started.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Days by which its monotonic clock is ahead of that of this machine.
    pub(super) days: u64,
    /// The network namespace in which it runs; absent for that of this machine.
    pub(super) namespace: Option<String>,
}

/// A node that runs, which is killed when it is dropped.
pub(super) struct Running(pub(super) Child);

impl Running {
    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    /// Waits for its end.
    pub(super) fn ends_within(&mut self, span: Duration) -> bool {
        let begun = Instant::now();
        comes_true(|| begun.elapsed() > span || self.0.try_wait().unwrap().is_some());
        self.0.try_wait().unwrap().is_some()
    }

    /// Waits for its end and returns what it printed.
    pub(super) fn output(mut self, span: Duration) -> Output {
        assert!(self.ends_within(span), "the node still runs");
        let status = self.0.wait().unwrap();
        let mut stderr = Vec::new();
        std::io::Read::read_to_end(self.0.stderr.as_mut().unwrap(), &mut stderr).unwrap();
        Output { status, stdout: Vec::new(), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run and the nodes that join it.
pub(super) struct Fleet {
    nodes: Vec<Node>,
    pub(super) secrets: Secrets,
    address: String,
    port: u16,
    has_secret: bool,
    pub(super) scenario: String,
}

impl Fleet {
    /// Prepares a run around the reference sidecar with these flags and stages.
    pub(super) fn new(nodes: Vec<Node>, flags: &[&str], stages: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let scenario = scenario(port, "30s", nodes.len(), &sidecar(flags, stages));
        let address = "127.0.0.1".to_owned();
        Self { nodes, secrets: secrets(), address, port, has_secret: true, scenario }
    }

    /// Lets hub, upstream and target listen at another address of this machine, which nodes may load.
    pub(super) fn at(mut self, address: &str) -> Self {
        for end in [format!("{}\"", self.port), "{port.proxy}".to_owned()] {
            self.scenario = self.scenario.replace(&format!("127.0.0.1:{end}"), &format!("{address}:{end}"));
        }
        self.scenario = self.scenario.replace("[fleet]\n", &format!("[fleet]\nreach = [\"{address}/32\"]\n"));
        address.clone_into(&mut self.address);
        self
    }

    /// Waits so long for so many nodes.
    pub(super) fn waiting(mut self, wait: &str, nodes: usize) -> Self {
        self.scenario = self.scenario.replace("wait = \"30s\"", &format!("wait = \"{wait}\""));
        self.scenario = self.scenario.replace("nodes = 0", &format!("nodes = {nodes}"));
        self
    }

    pub(super) fn without_secret(mut self) -> Self {
        self.has_secret = false;
        self
    }

    /// Starts a node with another secret than that of the fleet.
    pub(super) fn node_with(&self, node: &Node, secret: &str) -> Running {
        let own = harness();
        let program = own.get_program().to_owned();
        let mut command = if node.days > 0 {
            let mut command = Command::new("unshare");
            let ahead = (node.days * 86_400).to_string();
            command.args(["--time", "--monotonic", &ahead, "--fork", "--kill-child"]).arg(program);
            command
        } else if let Some(namespace) = &node.namespace {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/run/netns/{namespace}")).arg(program);
            command
        } else {
            own
        };
        let hub = format!("{}:{}", self.address, self.port);
        command.args(["node", "join", &hub, "--wait", "60s"]).env(NODE, secret).env_remove(HUB);
        Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Starts all nodes. Their names are that of this host.
    pub(super) fn start(&self) -> Vec<Running> {
        self.nodes.iter().map(|node| self.node_with(node, &self.secrets.node)).collect()
    }

    /// Returns the command of the run.
    pub(super) fn command(&self, scratch: &Scratch) -> Command {
        let mut command = run_command(scratch, &self.scenario);
        command.env_remove(HUB).env_remove(NODE);
        if self.has_secret {
            command.env(HUB, &self.secrets.hub);
        }
        command
    }

    /// Runs to the end. Returns what was left behind, and the lines of all nodes.
    pub(super) fn run(&self) -> (Ran, Vec<NodeLine>) {
        let (scratch, _nodes) = (Scratch::new(), self.start());
        let output = self.command(&scratch).output().unwrap();
        let file = newest(&scratch.0.join("out")).map(|run| run.join(FILE));
        let lines = file.filter(|file| file.exists()).map(|file| {
            let faults = check(&file, None).faults;
            assert!(faults.is_empty(), "{faults:#?}");
            node_line::read(BufReader::new(File::open(file).unwrap())).map(Result::unwrap).collect()
        });
        (ran(scratch, output), lines.unwrap_or_default())
    }
}

/// Adds a fleet to a scenario. Nodes on one machine disturb each other, so their limits are wide.
fn scenario(port: u16, wait: &str, nodes: usize, text: &str) -> String {
    let audit = "[audit]\nskew = \"100ms\"\nclock_error = \"100ms\"\nstall = \"100%\"\nupstream_stall = \"50%\"\nthrottled = \"100%\"\n";
    let fleet =
        format!("[fleet]\nengine = \"joined\"\nnodes = {nodes}\nlisten = \"127.0.0.1:{port}\"\nwait = \"{wait}\"\n");
    format!("{}\n{fleet}", text.replace("[audit]\n", audit))
}
