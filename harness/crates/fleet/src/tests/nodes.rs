//! Nodes with a load child: a script that plays one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::support::{control, job};
use crate::binary::sha256;
use crate::frame::{self, FrameError, FrameReader, LARGEST_MESSAGE, text};
use crate::hello::{Hello, Reply, Welcome};
use crate::hub::serve;
use crate::message::{FromNode, ToNode, parse};
use crate::node::{JoinError, JoinOptions, Served, join};
use crate::order::{HubEvent, HubOrder};
use crate::secret::{HubSecret, NodeSecret};
use crate::tls::acceptor;
use harness_base::units::Nanos;
use harness_load::facts::Arm;
use harness_load::frames::ToChild;
use harness_load::{Error, Generator, LoadEngine, Streams};

/// Writes its process id, is ready, opens connections, and ends when its stdin is closed. It exits with 3 at a preflight.
const CHILD: &str = r#"#!/bin/sh
read -r job
echo $$ >> "$0.pids"
echo '"ready"'
while read -r command; do
    case $command in
        *open*) echo '{"opened":{"arm":"direct","connections":1,"failed":0,"example":null}}' ;;
        *preflight*) exit 3 ;;
        *stop*) exit 0 ;;
    esac
done
"#;

/// A folder with the script, which is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("harness-fleet-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("child"), CHILD).unwrap();
        fs::set_permissions(folder.join("child"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn child(&self) -> PathBuf {
        self.0.join("child")
    }

    /// Returns whether a child that was started still runs.
    fn has_children(&self) -> bool {
        let pids = fs::read_to_string(self.0.join("child.pids")).unwrap_or_default();
        pids.lines().any(|pid| Path::new("/proc").join(pid).exists())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Starts a hub and a node of it. Returns control's streams, the node's thread, and the hub's task.
async fn pair(
    folder: &Folder,
) -> (Streams, std::thread::JoinHandle<Result<Served, JoinError>>, tokio::task::AbortHandle) {
    let secret = HubSecret::generate().unwrap();
    let (mut streams, commands, answers) = control();
    let binary = sha256(&folder.child()).unwrap();
    let hub = tokio::spawn(async move { serve(&binary, commands, answers).await }).abort_handle();
    let order = HubOrder {
        listen: ([127, 0, 0, 1], 0).into(),
        nodes: 1,
        secret: secret.text(),
        wait: Nanos::from_secs(60),
        run_id: "run".to_owned(),
        now: None,
    };
    streams.commands.write_all(&[text(&order), b"\n".to_vec()].concat()).await.unwrap();
    let (mut node, exe) = (None, folder.child());
    loop {
        let line = streams.answers.next_line().await.unwrap().unwrap();
        match serde_json::from_str(&line).unwrap() {
            HubEvent::Listening { address } => {
                let secret = NodeSecret::read(&secret.node().text()).unwrap();
                let (name, wait) = (Some("worker".to_owned()), Nanos::from_secs(30));
                let options = JoinOptions { hub: address.to_string(), name, wait, secret, exe: exe.clone() };
                node = Some(std::thread::spawn(move || join(options)));
            }
            HubEvent::Joined(facts) => assert!(facts.shares_host && facts.cpus > 0.0, "{facts:?}"),
            HubEvent::Assembled { .. } => return (streams, node.unwrap(), hub),
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until a node has ended, without keeping the hub from running.
async fn ended(node: std::thread::JoinHandle<Result<Served, JoinError>>) -> Result<Served, JoinError> {
    tokio::task::spawn_blocking(move || node.join().unwrap()).await.unwrap()
}

/// Waits until no child runs.
async fn gone(folder: &Folder) {
    for _ in 0..1000 {
        if !folder.has_children() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("a load child still runs");
}

#[tokio::test]
async fn a_node_starts_a_child_for_each_instance_and_ends_with_the_run() {
    let folder = Folder::new("instances");
    let (mut streams, node, _hub) = pair(&folder).await;
    for _ in 0..2 {
        let mut generator = Generator::over(streams, job(1)).await.unwrap();
        assert_eq!(generator.open(Arm::Direct).await.unwrap().connections, 1);
        assert!(folder.has_children());
        streams = generator.release().await.unwrap();
        gone(&folder).await;
    }
    drop(streams);
    assert_eq!(ended(node).await.unwrap(), Served { instances: 2 });
}

#[tokio::test]
async fn a_child_that_ends_is_reported_and_the_next_instance_has_another() {
    let folder = Folder::new("ends");
    let (streams, node, _hub) = pair(&folder).await;
    let mut generator = Generator::over(streams, job(1)).await.unwrap();
    let error = generator.preflight(Arm::Direct).await.unwrap_err();
    assert!(matches!(error, Error::Lost(_)) && error.to_string().contains("exit status: 3"), "{error}");
    let streams = generator.release().await.unwrap();
    let generator = Generator::over(streams, job(1)).await.unwrap();
    drop(generator);
    assert_eq!(ended(node).await.unwrap(), Served { instances: 2 });
    gone(&folder).await;
}

#[tokio::test]
async fn a_node_whose_hub_is_gone_kills_its_child() {
    let folder = Folder::new("gone");
    let (streams, node, hub) = pair(&folder).await;
    let generator = Generator::over(streams, job(1)).await.unwrap();
    assert!(folder.has_children());
    hub.abort();
    assert!(matches!(ended(node).await, Err(JoinError::Lost(_))));
    gone(&folder).await;
    drop(generator);
}

#[tokio::test]
async fn a_node_whose_hub_falls_silent_kills_its_child() {
    let folder = Folder::new("silent");
    let secret = HubSecret::generate().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = listener.local_addr().unwrap().to_string();
    let options =
        JoinOptions { hub, name: None, wait: Nanos::from_secs(30), secret: secret.node(), exe: folder.child() };
    let node = std::thread::spawn(move || join(options));
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = acceptor(&secret).unwrap().accept(stream).await.unwrap();
    let hello = FrameReader::new(&mut stream, LARGEST_MESSAGE).next().await.unwrap();
    assert!(!serde_json::from_slice::<Hello>(&hello).unwrap().about.name.is_empty());
    let welcome = Reply::Welcome(Welcome { index: 0, of: 1 });
    frame::write(&mut stream, &text(&welcome)).await.unwrap();
    let start = ToNode::Command { session: 7, command: Box::new(ToChild::Job(job(1))) };
    frame::write(&mut stream, &text(&start)).await.unwrap();
    let answer = FrameReader::new(&mut stream, LARGEST_MESSAGE).next().await.unwrap();
    assert_eq!(parse(&answer).unwrap(), (FromNode::Answer { session: 7, host: None }, &b"\"ready\""[..]));
    assert!(folder.has_children());
    // The connection stays open, and nothing more is sent.
    assert!(matches!(ended(node).await, Err(JoinError::Lost(FrameError::Silent(_)))));
    gone(&folder).await;
    drop(stream);
}
