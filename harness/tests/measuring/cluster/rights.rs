//! What may be asked of the stand-in: the rules of the Role that `harness fleet rbac` prints.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::harness;

/// A verb on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    /// Empty for the core group.
    pub(crate) group: String,
    /// With its subresource, for example `pods/log`.
    pub(crate) resource: String,
    pub(crate) verb: String,
}

impl Right {
    pub(crate) fn new(verb: &str, group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), verb: verb.to_owned() }
    }

    /// Returns whether it is that verb on that resource, whatever its group.
    pub(crate) fn is(&self, (verb, resource): (&str, &str)) -> bool {
        self.verb == verb && self.resource == resource
    }
}

/// Returns the rights of the Role that `harness fleet rbac` prints for this namespace.
pub(super) fn of_the_printed_role(namespace: &str) -> BTreeSet<Right> {
    let output = harness().args(["fleet", "rbac", "--namespace", namespace]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let role: Value = serde_saphyr::from_str(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!((&role["kind"], &role["metadata"]["namespace"]), (&"Role".into(), &namespace.into()), "{role}");
    let rules = role["rules"].as_array().unwrap();
    assert!(!rules.is_empty(), "{role}");
    let rights = rules.iter().flat_map(|rule| {
        assert!(rule["resourceNames"].is_null(), "the stand-in knows no names of resources: {rule}");
        rights_of([&rule["apiGroups"], &rule["resources"], &rule["verbs"]].map(words))
    });
    rights.collect()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn rights_of([groups, resources, verbs]: [Vec<String>; 3]) -> Vec<Right> {
    assert!(
        ![&groups, &resources, &verbs].iter().any(|words| words.contains(&"*".to_owned())),
        "a rule grants everything"
    );
    let mut rights = Vec::new();
    for group in &groups {
        for resource in &resources {
            rights.extend(verbs.iter().map(|verb| Right::new(verb, group, resource)));
        }
    }
    rights
}
