//! The one connection to the hub: a port of its pod, forwarded by the API.

use harness_base::units::Nanos;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::DuplexStream;
use tokio::time::{sleep, timeout};

use super::cluster::Cluster;
use super::error::{Call, KubeError, SLOW};

/// How soon the pod reports that no process listens at the port.
const REFUSING: Nanos = Nanos::from_millis(500);
/// The pause before the next try, and the number of tries: a program that was just started may not listen yet.
const PAUSE: Nanos = Nanos::from_millis(200);
const TRIES: u32 = 15;

/// A connection to a port of a pod. It ends when the pod closes it, and is closed when it is dropped.
pub type Forwarded = DuplexStream;

impl Cluster {
    /// Connects to a port of a pod, on the loopback interface of the pod.
    ///
    /// # Errors
    /// Returns [`KubeError::NotForwarded`] when no process listens there for some seconds, and every error of the API.
    pub async fn forward(&self, pod: &str, port: u16) -> Result<Forwarded, KubeError> {
        let mut message = String::new();
        for _ in 0..TRIES {
            match self.try_forward(pod, port).await? {
                Ok(stream) => return Ok(stream),
                Err(refusal) => message = refusal,
            }
            sleep(PAUSE.duration()).await;
        }
        Err(KubeError::NotForwarded { pod: pod.to_owned(), port, message })
    }

    /// Connects, or returns what the pod said instead.
    async fn try_forward(&self, pod: &str, port: u16) -> Result<Result<Forwarded, String>, KubeError> {
        let call = Call::new("get", "pods/portforward", Some(pod));
        let pods: Api<Pod> = Api::namespaced(self.client(), self.namespace());
        let mut forwarder = match timeout(SLOW.duration(), pods.portforward(pod, &[port])).await {
            Ok(Ok(forwarder)) => forwarder,
            Ok(Err(error)) => return Err(KubeError::of(call, self.namespace(), &error)),
            Err(_elapsed) => return Err(KubeError::Slow { call }),
        };
        let (Some(stream), Some(refused)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
            return Ok(Err("the API forwards another port".to_owned()));
        };
        match timeout(REFUSING.duration(), refused).await {
            Ok(Some(refusal)) => Ok(Err(refusal.trim().to_owned())),
            Ok(None) => Ok(Err("the connection ended at once".to_owned())),
            Err(_elapsed) => Ok(Ok(stream)),
        }
    }
}
