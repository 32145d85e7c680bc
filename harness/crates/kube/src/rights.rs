//! What a run must be allowed to do: one Role in one namespace, and nothing beyond it.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The name of the Role and of its binding.
const NAME: &str = "harness";
const GROUP: &str = "rbac.authorization.k8s.io";

/// Verbs on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource, with the subresource after `/`.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    /// What the verbs are for.
    pub why: &'static str,
}

/// Everything that a run uses.
pub const RULES: &[Rule] = &[
    Rule {
        group: "batch",
        resource: "jobs",
        verbs: &["create", "delete", "list"],
        why: "the hub, which owns everything else of a run, and the nodes; what earlier runs left",
    },
    Rule {
        group: "",
        resource: "secrets",
        verbs: &["create"],
        why: "the secret that hub, nodes and agent share; it is never read",
    },
    Rule {
        group: "",
        resource: "pods",
        verbs: &["create", "delete", "list", "watch"],
        why: "the target in its pod, and whether pods run",
    },
    Rule { group: "", resource: "pods/log", verbs: &["get"], why: "the last lines of a pod that failed" },
    Rule {
        group: "",
        resource: "pods/portforward",
        // Before Kubernetes 1.35, `get` alone is checked.
        verbs: &["create", "get"],
        why: "the one connection to the hub",
    },
];

/// Returns the Role with [`RULES`].
pub fn role(namespace: &str) -> Value {
    let rules: Vec<Value> = RULES.iter().map(rule).collect();
    json!({ "apiVersion": version(), "kind": "Role", "metadata": metadata(namespace), "rules": rules })
}

/// Returns what gives the Role to a user, or to a service account that is written `NAMESPACE:NAME`.
pub fn binding(namespace: &str, subject: &str) -> Value {
    let subject = match service_account(subject) {
        Some((namespace, name)) => json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace }),
        None => json!({ "kind": "User", "apiGroup": GROUP, "name": subject }),
    };
    json!({
        "apiVersion": version(),
        "kind": "RoleBinding",
        "metadata": metadata(namespace),
        "subjects": [subject],
        "roleRef": { "apiGroup": GROUP, "kind": "Role", "name": NAME },
    })
}

/// Returns the Role as YAML with the reason for each rule, and the binding for a subject, for `kubectl apply -f -`.
pub fn yaml(namespace: &str, subject: Option<&str>) -> String {
    let mut text = format!("{}rules:\n", head("Role", namespace));
    for rule in RULES {
        let Rule { group, resource, verbs, why } = rule;
        let verbs = verbs.join(", ");
        // Writing into a text cannot fail.
        let _written =
            write!(text, "# {why}\n- apiGroups: [\"{group}\"]\n  resources: [\"{resource}\"]\n  verbs: [{verbs}]\n");
    }
    if let Some(subject) = subject {
        let (of_subject, of_role) =
            (&binding(namespace, subject)["subjects"][0], &binding(namespace, subject)["roleRef"]);
        let _written = write!(text, "---\n{}", head("RoleBinding", namespace));
        let _written = write!(text, "subjects:\n- {}\nroleRef: {}\n", flow(of_subject), flow(of_role));
    }
    text
}

/// Returns the first lines of an object.
fn head(kind: &str, namespace: &str) -> String {
    let version = version();
    format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {NAME}\n  namespace: {}\n", json!(namespace))
}

/// Writes the fields of an object on one line.
fn flow(object: &Value) -> String {
    let fields = object.as_object().into_iter().flatten().map(|(key, value)| format!("{key}: {value}"));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

fn rule(rule: &Rule) -> Value {
    json!({ "apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs })
}

fn metadata(namespace: &str) -> Value {
    json!({ "name": NAME, "namespace": namespace })
}

fn version() -> String {
    format!("{GROUP}/v1")
}

/// Splits `NAMESPACE:NAME`, if both parts can be names of Kubernetes. A user with a prefix, such as `oidc:ada@example.com`, is usually no such
/// text.
fn service_account(subject: &str) -> Option<(&str, &str)> {
    let (namespace, name) = subject.split_once(':')?;
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(fits);
    (is_name(namespace) && is_name(name)).then_some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_read_and_nothing_is_a_wildcard() {
        for rule in RULES {
            assert!(!rule.verbs.is_empty() && rule.verbs.is_sorted(), "{}", rule.resource);
            assert!(!rule.verbs.contains(&"*") && rule.resource != "*");
        }
        let secrets = RULES.iter().find(|rule| rule.resource == "secrets").unwrap();
        assert_eq!(secrets.verbs, ["create"]);
        let role = role("bench");
        assert_eq!((&role["kind"], &role["metadata"]["namespace"]), (&json!("Role"), &json!("bench")));
        assert_eq!(role["rules"].as_array().unwrap().len(), RULES.len());
    }

    #[test]
    fn the_text_has_every_rule_and_its_reason() {
        let text = yaml("bench", None);
        for Rule { group, resource, verbs, why } in RULES {
            let rule = format!(
                "# {why}\n- apiGroups: [\"{group}\"]\n  resources: [\"{resource}\"]\n  verbs: [{}]\n",
                verbs.join(", ")
            );
            assert!(text.contains(&rule), "{text}");
        }
        assert!(!text.contains("---"));
    }

    #[test]
    fn a_subject_is_a_user_or_a_service_account() {
        let text = yaml("bench", Some("ci:runner"));
        let bound = text.split("---\n").nth(1).unwrap();
        let subject = "- { kind: \"ServiceAccount\", name: \"runner\", namespace: \"ci\" }\n";
        assert!(bound.starts_with("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n"), "{bound}");
        assert!(bound.contains(subject) && bound.contains("kind: \"Role\", name: \"harness\" }\n"), "{bound}");
        for user in ["ada", "oidc:ada@example.com", "system:serviceaccount:ci:runner", ":x"] {
            let subject = &binding("bench", user)["subjects"][0];
            assert_eq!((&subject["kind"], &subject["name"]), (&json!("User"), &json!(user)));
        }
    }
}
