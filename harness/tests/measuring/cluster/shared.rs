//! What the parts of the stand-in share.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use super::groups::Group;
use super::network::Network;
use super::rights::Right;
use super::store::{Kind, Store};

/// What goes wrong in a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// A right that is missing in the Role.
    pub(crate) without: Option<(&'static str, &'static str)>,
    /// A resource whose new objects exist already, from another run.
    pub(crate) occupied: Option<&'static str>,
    /// A request that is never answered.
    pub(crate) hang: Option<(&'static str, &'static str)>,
    /// Every watch is cut after so many events.
    pub(crate) cut_watch_after: Option<usize>,
    /// The role of the pods whose image cannot be pulled.
    pub(crate) no_image: Option<&'static str>,
}

/// The run to which an object belongs that is in the way.
pub(super) const OTHER_RUN: &str = "20260101T000000Z-other";

/// A process of a container.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) container: String,
    /// The process that the stand-in started; the container itself may be below it.
    pub(super) pid: i32,
    pub(super) group: Option<Group>,
    pub(super) is_sidecar: bool,
}

/// A pod that runs.
#[derive(Debug, Default)]
pub(super) struct PodRun {
    pub(super) is_ending: AtomicBool,
    /// Whether its containers and its sandbox have ended.
    pub(super) has_ended: AtomicBool,
    pub(super) live: Mutex<Vec<Live>>,
}

impl PodRun {
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }
}

/// The state of a stand-in.
pub(super) struct Shared {
    store: Mutex<Store>,
    newest: watch::Sender<u64>,
    pub(super) namespace: String,
    pub(super) role: BTreeSet<Right>,
    pub(super) used: Mutex<BTreeSet<Right>>,
    pub(super) denied: Mutex<BTreeSet<Right>>,
    pub(super) pods: Mutex<BTreeMap<String, Arc<PodRun>>>,
    pub(super) faults: Faults,
    /// Logs, files of secrets, and the programs of the pods.
    pub(super) folder: PathBuf,
    /// Whether pods may have other clocks than this machine.
    pub(super) shifts_clocks: bool,
    /// Where it is absent, all pods have the address of loopback.
    pub(super) network: Option<Network>,
}

/// Locks what another thread may have left behind in a failed test.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(namespace: &str, role: BTreeSet<Right>, faults: Faults, folder: PathBuf) -> Self {
        Self {
            store: Mutex::default(),
            newest: watch::Sender::new(0),
            namespace: namespace.to_owned(),
            role,
            used: Mutex::default(),
            denied: Mutex::default(),
            pods: Mutex::default(),
            faults,
            folder,
            shifts_clocks: crate::support::clocks::may_shift(),
            network: Network::start(),
        }
    }

    /// Returns the address of a pod that is no sandbox, which is that of this machine.
    pub(super) fn machine(&self) -> IpAddr {
        self.network.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), Network::machine)
    }

    /// Works on the objects, and wakes the watches if that changed one. A watch looks at them too, and would wake itself otherwise.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = lock(&self.store);
        let result = work(&mut store);
        let version = store.version();
        self.newest.send_if_modified(|newest| std::mem::replace(newest, version) != version);
        result
    }

    /// Changes a pod, if it exists.
    pub(super) fn change_pod(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.with(|store| store.change(Kind::Pod, name, change));
    }

    /// Returns what wakes a watch.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Returns whether this may be asked for, and records it.
    pub(super) fn permits(&self, needs: &[Right], is_here: bool) -> bool {
        let (granted, denied): (Vec<Right>, Vec<Right>) =
            needs.iter().cloned().partition(|right| is_here && self.role.contains(right));
        lock(&self.denied).extend(denied.iter().cloned());
        if denied.is_empty() {
            lock(&self.used).extend(granted);
        }
        denied.is_empty()
    }
}
