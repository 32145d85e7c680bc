//! The connection to a cluster, and the calls that everything else is made of.

use std::fmt;
use std::net::IpAddr;

use harness_base::units::Nanos;
use http::{Request, Uri};
use kube::api::{ListParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::core::request::{Error as NoRequest, Request as Requests};
use kube::{Client, Config};
use serde_json::Value;
use tokio::time::timeout;

use super::error::{Call, KubeError, SLOW};
use super::status::{items, text};
use crate::objects::RUN;

/// How long a connection to the API may take.
const CONNECTING: Nanos = Nanos::from_secs(10);

/// A cluster, and the namespace in which a run happens.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Cluster {{ namespace: {} }}", self.namespace)
    }
}

/// The kinds of objects that a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Jobs,
    Pods,
    Secrets,
}

impl Resource {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Pods => "pods",
            Self::Secrets => "secrets",
        }
    }

    const fn group(self) -> &'static str {
        match self {
            Self::Jobs => "apis/batch/v1",
            Self::Pods | Self::Secrets => "api/v1",
        }
    }
}

/// Some objects of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
}

impl Selector {
    pub(super) fn labels(labels: String) -> Self {
        Self { labels: Some(labels), fields: None }
    }

    pub(super) fn named(name: &str) -> Self {
        Self { labels: None, fields: Some(format!("metadata.name={name}")) }
    }
}

/// The objects that were selected, and the version from which a watch goes on.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) items: Vec<Value>,
    pub(super) version: String,
}

impl Cluster {
    /// Reads the kubeconfig, or without a context and a kubeconfig the token of the pod in which this runs. Does not call the API. The
    /// namespace is that of the context if absent.
    ///
    /// # Errors
    /// Returns [`KubeError::NoConfig`] when there is no such context, or its files cannot be read.
    pub async fn connect(context: Option<&str>, namespace: Option<&str>) -> Result<Self, KubeError> {
        let read = match context {
            Some(context) => {
                let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
                Config::from_kubeconfig(&options).await.map_err(|error| error.to_string())
            }
            None => Config::infer().await.map_err(|error| error.to_string()),
        };
        let mut config = read.map_err(|message| KubeError::NoConfig { message })?;
        config.connect_timeout = Some(CONNECTING.duration());
        if is_loopback(&config.cluster_url) {
            config.proxy_url = None;
        }
        if config.cluster_url.scheme_str() == Some("http") {
            // Otherwise a machine without certificates could not use `kubectl proxy`.
            config.root_cert.get_or_insert_default();
        }
        let namespace = namespace.map_or_else(|| config.default_namespace.clone(), str::to_owned);
        let client = Client::try_from(config).map_err(|error| KubeError::NoConfig { message: error.to_string() })?;
        Ok(Self { client, namespace })
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Builds requests for the objects of a kind.
    pub(super) fn requests(&self, resource: Resource) -> Requests {
        Requests::new(format!("/{}/namespaces/{}/{}", resource.group(), self.namespace, resource.word()))
    }

    /// Sends a request, and waits for the answer for at most [`SLOW`].
    pub(super) async fn send(
        &self,
        call: Call,
        request: Result<Request<Vec<u8>>, NoRequest>,
    ) -> Result<Value, KubeError> {
        let request = request.map_err(|error| malformed(&call, &error))?;
        match timeout(SLOW.duration(), self.client.request::<Value>(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(KubeError::of(call, &self.namespace, &error)),
            Err(_elapsed) => Err(KubeError::Slow { call }),
        }
    }

    /// Creates an object, and returns it as the API keeps it.
    ///
    /// # Errors
    /// Returns [`KubeError::Exists`] when there is one with its name, and every other error of the API.
    pub(super) async fn create(&self, resource: Resource, object: &Value) -> Result<Value, KubeError> {
        let call = Call::new("create", resource.word(), object["metadata"]["name"].as_str());
        let body = object.to_string().into_bytes();
        match self.send(call, self.requests(resource).create(&PostParams::default(), body)).await {
            Err(KubeError::Refused { call, code: 409, .. }) => {
                Err(KubeError::Exists { call, run: text(&object["metadata"]["labels"][RUN]) })
            }
            answered => answered,
        }
    }

    pub(super) async fn list(&self, resource: Resource, selector: &Selector) -> Result<Listed, KubeError> {
        let mut params = ListParams::default();
        if let Some(labels) = &selector.labels {
            params = params.labels(labels);
        }
        if let Some(fields) = &selector.fields {
            params = params.fields(fields);
        }
        let call = Call::new("list", resource.word(), None);
        let answer = self.send(call, self.requests(resource).list(&params)).await?;
        let version = text(&answer["metadata"]["resourceVersion"]);
        Ok(Listed { items: items(&answer, "items").cloned().collect(), version })
    }
}

/// Makes the error of a request that could not be built.
pub(super) fn malformed(call: &Call, error: &NoRequest) -> KubeError {
    KubeError::Malformed { call: call.clone(), message: error.to_string() }
}

/// Returns whether an address is on this machine, as that of a cluster of kind. No proxy leads there.
fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cluster_elsewhere_is_reached_through_a_proxy() {
        for url in ["https://127.0.0.1:6443", "http://localhost:8080", "https://[::1]:6443"] {
            assert!(is_loopback(&Uri::from_static(url)), "{url}");
        }
        for url in ["https://10.0.0.1:6443", "https://localhost.example.com", "/api"] {
            assert!(!is_loopback(&Uri::from_static(url)), "{url}");
        }
    }
}
