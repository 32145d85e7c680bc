//! Containers that share namespaces, as those of a pod do.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::docker::{Image, docker};

/// The user of all containers, who has no rights and no name.
pub const USER: &str = "65532:65532";

/// Makes the image of all containers, whose program is the harness.
pub fn image(name: &str) -> Image {
    Image::of(Path::new(env!("CARGO_BIN_EXE_harness")), name)
}

/// Returns the arguments of a sidecar that wants a whole CPU.
pub fn order() -> Vec<String> {
    let arguments =
        ["__sidecar", "--listen", "0.0.0.0:8080", "--admin", "0.0.0.0:8081", "--upstream", "http://127.0.0.1:9"];
    arguments.into_iter().chain(["--burn-forever", "1"]).map(str::to_owned).collect()
}

/// A network of the engine, removed with the test.
pub struct Network {
    name: String,
    /// The address of this host in it.
    pub gateway: IpAddr,
}

impl Network {
    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("harness-test-pod-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        docker(&["network", "create", "--label", "harness-test", &name]).expect("created");
        let gateway = docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", &name]);
        Self { gateway: gateway.expect("it is there").parse().unwrap(), name }
    }

    /// Returns the options with which a container joins it.
    pub fn join(&self) -> [String; 2] {
        ["--network".to_owned(), self.name.clone()]
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        docker(&["network", "rm", &self.name]);
    }
}

/// A running container, removed with the test.
pub struct Container {
    pub id: String,
}

impl Container {
    /// Starts it with these options of the engine and arguments of the program.
    pub fn run(image: &Image, options: &[String], arguments: &[String]) -> Self {
        let fixed = ["run", "--detach", "--label", "harness-test", "--cap-drop", "ALL", "--user", USER];
        let (options, arguments) = (options.iter().map(String::as_str), arguments.iter().map(String::as_str));
        let all: Vec<&str> = fixed.into_iter().chain(options).chain([image.0.as_str()]).chain(arguments).collect();
        Self { id: docker(&all).unwrap_or_else(|| panic!("docker {all:?}")) }
    }

    /// Returns the options with which another one shares its processes and its network.
    pub fn beside(&self) -> [String; 4] {
        let of = format!("container:{}", self.id);
        ["--pid".to_owned(), of.clone(), "--network".to_owned(), of]
    }

    /// Returns its process as the host sees it.
    pub fn pid(&self) -> i32 {
        self.inspect("{{.State.Pid}}").parse().unwrap()
    }

    /// Returns its address in its network.
    pub fn address(&self) -> IpAddr {
        self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}").parse().unwrap()
    }

    fn inspect(&self, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.id]).expect("it is there")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {}: {:?}", self.id, docker(&["logs", "--tail", "20", &self.id]));
        }
        docker(&["rm", "--force", &self.id]);
    }
}
