//! What a cluster lacks for a run.

use std::fmt;

use http::Request;
use http::header::CONTENT_TYPE;
use kube::core::request::Error as NoRequest;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::error::{Call, KubeError};
use super::status::text;
use crate::rights::{RULES, Rule};

/// The oldest version with native sidecars.
const OLDEST: (u64, u64) = (1, 29);
/// The first version that wants the right `create` for a connection to a port.
const CREATES_FORWARDS: (u64, u64) = (1, 35);

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Something that a cluster lacks for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// Kubernetes is older than 1.29.
    TooOld { version: String },
    /// This user may not do this.
    Right { verb: &'static str, resource: &'static str, namespace: String },
    /// The cluster does not tell what this user may do.
    Unasked { message: String },
}

impl Lack {
    /// Returns whether no run is possible. The others are notes.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::TooOld { .. } => true,
            // Without them, messages contain no logs, and leftovers of earlier runs are not listed.
            Self::Right { verb, resource, .. } => *resource != "pods/log" && (*verb, *resource) != ("list", "jobs"),
            Self::Unasked { .. } => false,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { version } => write!(
                out,
                "the cluster runs Kubernetes {version}, and native sidecars need {}.{}; use a newer cluster",
                OLDEST.0, OLDEST.1
            ),
            Self::Right { verb, resource, namespace } => write!(
                out,
                "this user may not {verb} {resource} in namespace {namespace}; ask for it with: harness fleet rbac --namespace {namespace}"
            ),
            Self::Unasked { message } => {
                write!(
                    out,
                    "the cluster does not tell what this user may do: {message}; compare with: harness fleet rbac"
                )
            }
        }
    }
}

impl Cluster {
    /// Returns what the cluster lacks for a run; nothing if it can be made. Creates nothing.
    ///
    /// # Errors
    /// Returns [`KubeError`] when the API cannot be asked for its version.
    pub async fn check(&self) -> Result<Vec<Lack>, KubeError> {
        let request = Request::get("/version").body(Vec::new()).map_err(NoRequest::BuildRequest);
        let answer = self.send(Call::new("get", "version", None), request).await?;
        let version = version(&answer);
        let mut lacks = Vec::new();
        if version < OLDEST {
            lacks.push(Lack::TooOld { version: text(&answer["gitVersion"]) });
        }
        for (rule, verb) in needed(version) {
            match self.may(rule, verb).await {
                Ok(true) => {}
                Ok(false) => {
                    lacks.push(Lack::Right { verb, resource: rule.resource, namespace: self.namespace().to_owned() });
                }
                Err(error) => {
                    lacks.push(Lack::Unasked { message: error.to_string() });
                    break;
                }
            }
        }
        Ok(lacks)
    }

    /// Asks whether this user may do something.
    async fn may(&self, rule: &Rule, verb: &str) -> Result<bool, KubeError> {
        let body = review(self.namespace(), rule, verb).to_string().into_bytes();
        let request = Request::post(REVIEWS).header(CONTENT_TYPE, "application/json").body(body);
        let call = Call::new("create", "selfsubjectaccessreviews", None);
        let answer = self.send(call, request.map_err(NoRequest::BuildRequest)).await?;
        Ok(answer["status"]["allowed"] == true)
    }
}

/// Returns every verb that this version checks, with its rule.
fn needed(version: (u64, u64)) -> Vec<(&'static Rule, &'static str)> {
    let all = RULES.iter().flat_map(|rule| rule.verbs.iter().map(move |verb| (rule, *verb)));
    let is_checked = |(rule, verb): &(&Rule, &str)| {
        (rule.resource, *verb) != ("pods/portforward", "create") || version >= CREATES_FORWARDS
    };
    all.filter(is_checked).collect()
}

fn review(namespace: &str, rule: &Rule, verb: &str) -> Value {
    let (resource, subresource) = rule.resource.split_once('/').unwrap_or((rule.resource, ""));
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": namespace,
            "verb": verb,
            "group": rule.group,
            "resource": resource,
            "subresource": subresource,
        } },
    })
}

/// Reads major and minor version, which may have a `+` behind it.
fn version(answer: &Value) -> (u64, u64) {
    let number = |key: &str| {
        let text = answer[key].as_str().unwrap_or_default();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).map_or(text, |end| &text[..end]);
        digits.parse().unwrap_or(0)
    };
    (number("major"), number("minor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_providers_are_read() {
        assert_eq!(version(&json!({ "major": "1", "minor": "29+" })), (1, 29));
        assert_eq!(version(&json!({ "major": "1", "minor": "9" })), (1, 9));
        assert!(version(&json!({})) < OLDEST && version(&json!({ "major": "1", "minor": "9" })) < OLDEST);
    }

    #[test]
    fn a_new_right_is_not_missed_in_an_old_version() {
        let count = RULES.iter().map(|rule| rule.verbs.len()).sum::<usize>();
        assert_eq!((needed((1, 34)).len(), needed((1, 35)).len()), (count - 1, count));
        assert!(!needed((1, 34)).iter().any(|(rule, verb)| rule.resource == "pods/portforward" && *verb == "create"));
    }

    #[test]
    fn a_review_asks_for_the_subresource_by_itself() {
        let rule = RULES.iter().find(|rule| rule.resource == "pods/portforward").unwrap();
        let asked = &review("bench", rule, "get")["spec"]["resourceAttributes"];
        assert_eq!((&asked["resource"], &asked["subresource"]), (&json!("pods"), &json!("portforward")));
    }

    #[test]
    fn what_only_words_need_is_a_note() {
        let right = |verb, resource| Lack::Right { verb, resource, namespace: "bench".to_owned() };
        assert!(right("create", "pods").is_fatal() && right("create", "jobs").is_fatal());
        assert!(!right("get", "pods/log").is_fatal() && !right("list", "jobs").is_fatal());
        assert!(!Lack::Unasked { message: String::new() }.is_fatal());
        let text = right("create", "pods").to_string();
        assert!(
            text.starts_with("this user may not create pods in namespace bench; ask for it with: harness fleet rbac")
        );
    }
}
