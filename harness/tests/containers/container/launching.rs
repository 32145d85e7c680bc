//! Checks from inside a container how the launcher has started it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::support::waiting::runtime;
use harness::measure::Ending;
use harness::measure::group::ResourceLimits;
use harness_base::units::{Bytes, Nanos};
use harness_rig::keeper::Keeper;
use harness_rig::target::certificates::Certificates;
use harness_rig::target::spec::{ContainerSpec, Endpoints, ImageSpec, Launch, Network, Placed, Spec};
use harness_rig::target::{Containers, Error, LaunchRequest, Running, Site, launch};

use super::an_engine_for;
use crate::docker::{Image, docker, labelled};
use crate::support::Scratch;

/// A run's folders and keeper. Dropping it ends the keeper, which removes all containers of this place.
struct Place {
    site: Option<Site>,
    run: String,
    folder: Scratch,
}

impl Place {
    fn new(name: &str) -> Self {
        let (folder, run) = (Scratch::new(), format!("test-{name}-{}", std::process::id()));
        let (logs, scratch) = (folder.0.join("logs"), folder.0.join("scratch"));
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_harness"));
        let keeper = Keeper::start_with(&exe, &logs).unwrap();
        keeper.scratch(&scratch).unwrap();
        let containers = Arc::new(Containers::of(&run));
        let certificates = Arc::new(Certificates::new(&folder.0.join("tls"), None));
        let (ports, folder_of_scenario) = (Arc::default(), folder.0.clone());
        let site = Site { keeper, ports, certificates, containers, scratch, logs, folder: folder_of_scenario, exe };
        Self { site: Some(site), run, folder }
    }

    async fn launch(&self, spec: &Spec, limits: Option<&ResourceLimits>) -> Result<Running, Error> {
        let site = self.site.as_ref().unwrap();
        launch(&LaunchRequest {
            site,
            name: "target",
            spec,
            upstream: None,
            egress: None,
            cpuset: Some(&[0]),
            limits,
            allotted: None,
        })
        .await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.site.take());
        let left = labelled(&format!("harness.run={}", self.run));
        assert!(std::thread::panicking() || left.is_empty(), "{left:?}");
    }
}

fn container(image: ImageSpec, command: &[&str]) -> ContainerSpec {
    ContainerSpec {
        image,
        command: command.iter().map(ToString::to_string).collect(),
        network: Network::Host,
        user: None,
        env: Vec::new(),
        files: Vec::new(),
        mounts: Vec::new(),
        ulimits: Vec::new(),
        capabilities: Vec::new(),
        cpuset: None,
    }
}

fn spec(container: ContainerSpec) -> Spec {
    let proxy = "http://127.0.0.1:{port.proxy}".to_owned();
    Spec {
        deadline: Nanos::from_secs(10),
        stop_within: Nanos::from_secs(2),
        launch: Launch::Container(container),
        files: Vec::new(),
        endpoints: Endpoints { proxy, health: None, ready: None, others: Vec::new() },
    }
}

async fn end_of(running: &Running) -> Ending {
    for _ in 0..12_000 {
        if let Some(ending) = running.ended() {
            return ending;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still runs; it printed {:?}", running.log_tail(9))
}

/// Prints what the container sees, with nothing but a shell.
const LOOK: &str = "echo $GREETING; read line < /etc/mounted; echo $line; read line < $0; echo $line; read line < /etc/placed; \
    echo $line; ulimit -n; while read name value rest; do case $name in Uid:|Cpus_allowed_list:) echo $value;; esac; done \
    < /proc/self/status; echo x > /etc/mounted || echo read-only; echo lost >&2; exit 7";

#[test]
fn a_container_sees_what_the_scenario_gives_it_and_nothing_else() {
    let Some(_others) = an_engine_for("launching") else { return };
    let place = Place::new("sees");
    let file = |name: &str, text: &str| {
        let path = place.folder.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let placed = |from: PathBuf, to: &str| Placed { from, to: PathBuf::from(to) };
    for (image, kept) in [("image", Some(Image::of(Path::new("/bin/sh"), "sees"))), ("binary", None)] {
        let made_of = match &kept {
            Some(image) => ImageSpec::Image(image.0.clone()),
            None => ImageSpec::Binary("/bin/sh".to_owned()),
        };
        let mut wanted = container(made_of, &["-c", LOOK, "{file.rendered}"]);
        wanted.env = vec![("GREETING".to_owned(), "port {port.proxy}".to_owned())];
        wanted.user = Some("65534:65534".to_owned());
        wanted.files = vec![placed(file("placed", "placed\n"), "/etc/placed")];
        wanted.mounts = vec![placed(file("mounted", "mounted\n"), "/etc/mounted")];
        wanted.ulimits = vec![("nofile".to_owned(), 321)];
        let mut spec = spec(wanted);
        spec.files = vec![("rendered".to_owned(), file("template", "at {port.proxy}\n"))];
        runtime().block_on(async {
            let running = place.launch(&spec, None).await.unwrap();
            assert_eq!(end_of(&running).await, Ending::Code(7), "{image}");
            let port = running.endpoints.proxy.port.unwrap();
            let said = running.log_tail(20);
            let expected = [
                format!("port {port}"),
                "mounted".to_owned(),
                format!("at {port}"),
                "placed".to_owned(),
                "321".to_owned(),
                "65534".to_owned(),
                "0".to_owned(),
                "read-only".to_owned(),
                "lost".to_owned(),
            ];
            for line in &expected {
                assert!(said.contains(line), "{image}: {line} is not in {said:#?}");
            }
            assert!(running.ours() && running.executable.ends_with(if kept.is_some() { "" } else { "sh" }));
            assert_eq!(running.stop(Nanos::from_secs(1)).await.unwrap().ending, Ending::Code(7));
        });
    }
}

/// Prints the capabilities of the shell, in all five sets, and whether its programs can gain rights.
const RIGHTS: &str = "while read name value; do case $name in Cap*|NoNewPrivs:) echo $name$value;; esac; done < /proc/self/status; exit 7";

#[test]
fn a_container_has_no_capability_but_those_of_the_scenario() {
    let Some(_others) = an_engine_for("capabilities") else { return };
    let place = Place::new("capabilities");
    // Bits 5 and 10 of the sets.
    for (named, set) in [(&[][..], 0_u64), (&["KILL", "NET_BIND_SERVICE"][..], 1 << 5 | 1 << 10)] {
        let mut wanted = container(ImageSpec::Binary("/bin/sh".to_owned()), &["-c", RIGHTS]);
        wanted.user = Some("0:0".to_owned());
        wanted.capabilities = named.iter().map(ToString::to_string).collect();
        let spec = spec(wanted);
        runtime().block_on(async {
            let running = place.launch(&spec, None).await.unwrap();
            assert_eq!(end_of(&running).await, Ending::Code(7));
            let said = running.log_tail(20);
            for line in ["CapPrm", "CapEff", "CapBnd"].map(|name| format!("{name}:{set:016x}")) {
                assert!(said.contains(&line), "{line} is not in {said:#?}");
            }
            assert!(said.contains(&"NoNewPrivs:1".to_owned()), "{said:#?}");
            running.stop(Nanos::from_secs(1)).await.unwrap();
        });
    }
}

#[test]
fn limits_are_the_engines_and_outgrowing_the_memory_is_named() {
    let Some(_others) = an_engine_for("limits") else { return };
    let place = Place::new("limits");
    let flags = ["--listen", "127.0.0.1:{port.proxy}", "--admin", "127.0.0.1:0", "--leak-per-second", "200MiB"];
    let spec = spec(container(ImageSpec::Binary("builtin:sidecar".to_owned()), &flags));
    let limits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(64)), pids: Some(50) };
    runtime().block_on(async {
        let running = place.launch(&spec, Some(&limits)).await.unwrap();
        let id = running.engine().await.unwrap().container;
        let format = "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}}";
        let set = docker(&["inspect", "--format", format, &id]).unwrap();
        assert_eq!(set, "500000000 67108864 67108864 50 0");
        let ending = end_of(&running).await;
        assert_eq!(ending, Ending::OutOfMemory(Some(64 << 20)));
        assert_eq!(ending.to_string(), "was OOM-killed by its memory limit of 64.0 MiB");
        assert!(running.advice(&[]).unwrap().contains("limits.memory"));
        assert_eq!(running.stop(Nanos::from_secs(1)).await.unwrap().ending, ending);
    });
}

#[test]
fn a_container_that_ignores_sigterm_is_killed_and_one_that_is_dropped_is_removed() {
    let Some(_others) = an_engine_for("stop") else { return };
    let place = Place::new("stop");
    let flags = ["--listen", "127.0.0.1:{port.proxy}", "--admin", "127.0.0.1:0", "--ignore-sigterm"];
    let spec = spec(container(ImageSpec::Binary("builtin:sidecar".to_owned()), &flags));
    runtime().block_on(async {
        let running = place.launch(&spec, None).await.unwrap();
        // Before it has asked not to be bothered, SIGTERM is ignored as well: process 1 has no default for it.
        assert!(Path::new(&format!("/proc/{}", running.pid)).exists() && running.ended().is_none());
        let stopped = running.stop(Nanos::from_millis(300)).await.unwrap();
        assert_eq!((stopped.ending, stopped.killed), (Ending::Signal(9), true));
        assert!(stopped.took >= Nanos::from_millis(300), "{}", stopped.took);

        let running = place.launch(&spec, None).await.unwrap();
        let (pid, run) = (running.pid, format!("harness.run={}", place.run));
        drop(running);
        let gone = || labelled(&run).iter().all(|left| left.starts_with("image"));
        for _ in 0..6_000 {
            if gone() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(gone() && !Path::new(&format!("/proc/{pid}")).exists());
    });
}
