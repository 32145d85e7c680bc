//! Errors of the API, each with what to do.

use std::fmt;

use harness_base::error::causes;
use harness_base::units::Nanos;
use kube::core::Status;

use super::failure::PodFailure;

const SLOW_SECONDS: u64 = 30;
/// How long the API may take to answer a call.
pub(super) const SLOW: Nanos = Nanos::from_secs(SLOW_SECONDS);

/// The largest number of characters of a message of the API that is kept.
const MESSAGE: usize = 1000;

/// A call of the API, in the words of its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: &'static str,
    /// The resource, with the subresource after `/`.
    pub resource: &'static str,
    /// The object; absent for all of them.
    pub name: Option<String>,
}

impl Call {
    pub(super) fn new(verb: &'static str, resource: &'static str, name: Option<&str>) -> Self {
        Self { verb, resource, name: name.map(str::to_owned) }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.verb, self.resource)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(out, " {name}"))
    }
}

/// The reason why Kubernetes does not do what a run needs.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    #[error(
        "no cluster can be used: {message}; name the file of its configuration in KUBECONFIG, and one of the contexts that kubectl config \
         get-contexts lists in fleet.context"
    )]
    NoConfig { message: String },
    #[error("the API of Kubernetes cannot be reached for: {call}: {message}; check with: kubectl cluster-info")]
    Unreachable { call: Call, message: String },
    #[error(
        "the API of Kubernetes did not answer within {SLOW_SECONDS} s: {call}; check with: kubectl get --raw '/readyz?verbose'"
    )]
    Slow { call: Call },
    #[error("the API of Kubernetes does not know this user: {message}; check with: kubectl auth whoami")]
    NotAuthenticated { message: String },
    #[error(
        "this user may not {} {} in namespace {namespace} (the API says: {message}); ask for it with: harness fleet rbac --namespace {namespace}",
        call.verb,
        call.resource
    )]
    Forbidden { call: Call, namespace: String, message: String },
    #[error("a policy of the cluster refuses to {call}: {message}")]
    Policy { call: Call, message: String },
    #[error(
        "cannot {call}: it exists already, made by run {run}; end that run, or remove what it left with: harness clean --kubernetes"
    )]
    Exists { call: Call, run: String },
    #[error(
        "the cluster has no namespace {namespace}; make it with: kubectl create namespace {namespace}, or set fleet.namespace"
    )]
    NoNamespace { namespace: String },
    #[error("Kubernetes refused to {call} ({code}): {message}")]
    Refused { call: Call, code: u16, message: String },
    #[error("Kubernetes answered {call} with what is no object of its API: {message}")]
    Malformed { call: Call, message: String },
    #[error("{pod} did not {until} within {within}{}", because(reason.as_deref(), *cuts, last.as_deref()))]
    Late {
        pod: String,
        /// What was awaited, as an infinitive.
        until: &'static str,
        within: Nanos,
        /// What Kubernetes says about the pod.
        reason: Option<Box<PodFailure>>,
        /// How often the API ended the watch.
        cuts: u64,
        /// The last error of the API.
        last: Option<String>,
    },
    #[error("{0}")]
    Ended(Box<PodFailure>),
    #[error("pod {pod} was deleted by somebody else")]
    Deleted { pod: String },
    #[error("pod {pod} refuses connections to port {port}: {message}")]
    NotForwarded { pod: String, port: u16, message: String },
}

impl KubeError {
    /// Makes the error of a failed call.
    pub(super) fn of(call: Call, namespace: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(call, namespace, status),
            kube::Error::Auth(_) => Self::NotAuthenticated { message: root(error) },
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Malformed { call, message: root(error) },
            _ => Self::Unreachable { call, message: root(error) },
        }
    }

    fn of_status(call: Call, namespace: &str, status: &Status) -> Self {
        let message: String = status.message.chars().take(MESSAGE).collect();
        let namespace = namespace.to_owned();
        let kind = status.details.as_ref().map_or("", |details| details.kind.as_str());
        match status.code {
            401 => Self::NotAuthenticated { message },
            403 if is_policy(&message) => Self::Policy { call, message },
            403 => Self::Forbidden { call, namespace, message },
            404 if kind == "namespaces" || message.starts_with("namespaces ") => Self::NoNamespace { namespace },
            code => Self::Refused { call, code, message },
        }
    }

    /// Returns whether the API answered that there is no such object.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Returns whether the same call may succeed a little later.
    pub(super) const fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Slow { .. } | Self::Refused { code: 410 | 429 | 500.., .. })
    }

    /// Adds what Kubernetes says about the pod to [`KubeError::Late`].
    pub(super) fn explained(mut self, why: Option<PodFailure>) -> Self {
        if let Self::Late { reason, .. } = &mut self {
            *reason = why.map(Box::new);
        }
        self
    }
}

/// Returns whether a refusal is one of admission and not one of rights.
fn is_policy(message: &str) -> bool {
    ["PodSecurity", "exceeded quota", "admission webhook", "LimitRange", "ValidatingAdmissionPolicy"]
        .iter()
        .any(|word| message.contains(word))
}

/// Returns the innermost cause: the client shows each cause in the text around it.
fn root(error: &kube::Error) -> String {
    causes(error).pop().unwrap_or_default().chars().take(MESSAGE).collect()
}

fn because(reason: Option<&PodFailure>, cuts: u64, last: Option<&str>) -> String {
    let mut text = match reason {
        Some(PodFailure { reason, message, .. }) => format!(": {reason}: {message}"),
        None => "; look with: kubectl get events".to_owned(),
    };
    if cuts > 0 {
        let times = if cuts == 1 { "once".to_owned() } else { format!("{cuts} times") };
        text.push_str(&format!("; the API ended the watch {times}"));
    }
    if let Some(last) = last {
        text.push_str(&format!(", at last: {last}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn told(code: u16, reason: &str, message: &str) -> String {
        let status = Status::failure(message, reason).with_code(code);
        let call = Call::new("create", "pods", Some("p1"));
        KubeError::of(call, "bench", &kube::Error::Api(status.boxed())).to_string()
    }

    #[test]
    fn a_refusal_names_the_right_to_ask_for() {
        let message = "pods is forbidden: User \"ada\" cannot create resource \"pods\" in API group \"\" in the namespace \"bench\"";
        let text = told(403, "Forbidden", message);
        assert!(text.starts_with("this user may not create pods in namespace bench (the API says: pods is forbidden"));
        assert!(text.ends_with("ask for it with: harness fleet rbac --namespace bench"), "{text}");
        let policy = told(403, "Forbidden", "pods \"p1\" is forbidden: violates PodSecurity \"restricted:latest\": x");
        assert!(policy.starts_with("a policy of the cluster refuses to create pods p1: "), "{policy}");
    }

    #[test]
    fn each_answer_has_its_message() {
        assert!(told(401, "Unauthorized", "Unauthorized").contains("kubectl auth whoami"));
        assert!(told(404, "NotFound", "namespaces \"bench\" not found").contains("kubectl create namespace bench"));
        assert_eq!(told(422, "Invalid", "wrong"), "Kubernetes refused to create pods p1 (422): wrong");
        let mut status = Status::failure("not found", "NotFound").with_code(404);
        let call = || Call::new("delete", "jobs", None);
        assert!(KubeError::of_status(call(), "bench", &status).is_absent());
        status.details = Some(StatusDetails {
            name: "bench".to_owned(),
            group: String::new(),
            kind: "namespaces".to_owned(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
        assert!(!KubeError::of_status(call(), "bench", &status).is_absent());
        let slow = KubeError::Slow { call: call() };
        assert!(slow.passes() && slow.to_string().contains("within 30 s: delete jobs;"), "{slow}");
    }

    #[test]
    fn a_pod_that_is_late_is_explained() {
        let late = |cuts, last: Option<&str>| KubeError::Late {
            pod: "pod p1".to_owned(),
            until: "run",
            within: Nanos::from_secs(60),
            reason: None,
            cuts,
            last: last.map(str::to_owned),
        };
        assert_eq!(late(0, None).to_string(), "pod p1 did not run within 60.0 s; look with: kubectl get events");
        let pending = PodFailure::pending("p1", "Unschedulable", "0/3 nodes are available");
        assert_eq!(
            late(2, Some("x")).explained(Some(pending)).to_string(),
            "pod p1 did not run within 60.0 s: Unschedulable: 0/3 nodes are available; the API ended the watch 2 times, at last: x"
        );
    }
}
