//! Kubernetes: a fleet as the pods of a Job, and a sidecar that is measured in its pod.
//!
//! `objects` describes what a run creates, `rights` what it must be allowed to do. Both are pure. `client`, a feature, does it.
//!
//! ```text
//! Job PREFIX-hub (owns everything else) ── Secret PREFIX-secret
//!                                      ├── Job PREFIX-nodes (one pod for each node)
//!                                      └── Pod PREFIX-target-INSTANCE (agent, app, target)
//! ```

#[cfg(feature = "client")]
pub mod client;
pub mod objects;
pub mod rights;

#[cfg(feature = "client")]
pub use client::{Cluster, Followed, Forwarded, HubPod, KubeError, Lack, Leftover, PodEnding, PodFailure, PodState};
