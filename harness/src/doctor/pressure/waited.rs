//! Reads the time that tasks waited, as the kernel counts it.

use std::collections::BTreeMap;
use std::path::Path;

use harness_base::units::Nanos;

/// Resources that tasks wait for.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// Time that tasks waited so far, or a share of a window, by resource. A resource that the kernel does not report is
/// missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::doctor) struct Waited(BTreeMap<&'static str, f64>);

impl Waited {
    /// Returns the share of time in which a task waited for a resource; `None` if the kernel does not report it.
    pub(in crate::doctor) fn share_of(&self, resource: &str) -> Option<&f64> {
        self.0.get(resource)
    }

    /// Computes the shares of `span` between `self` and `later`, two results of [`totals`].
    pub(in crate::doctor) fn until(&self, later: &Self, span: Nanos) -> Self {
        let share = |(resource, total): (&&'static str, &f64)| {
            let waited = later.0.get(resource)? - total;
            (span > Nanos::ZERO && waited >= 0.0).then_some((*resource, waited * 1e3 / span.0 as f64))
        };
        Self(self.0.iter().filter_map(share).collect())
    }
}

/// Reads the microseconds since boot in which at least one task waited for each resource.
pub(in crate::doctor) fn totals(root: &Path) -> Waited {
    let total = |resource: &'static str| {
        let text = std::fs::read_to_string(root.join(format!("proc/pressure/{resource}"))).ok()?;
        let line = text.lines().find(|line| line.starts_with("some "))?;
        let total = line.split_whitespace().find_map(|field| field.strip_prefix("total="))?;
        Some((resource, total.parse().ok()?))
    };
    Waited(RESOURCES.into_iter().filter_map(total).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::source::tree::Tree;

    const IDLE: &str =
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn the_share_is_what_was_waited_in_between() {
        let tree =
            Tree::new(&[("proc/pressure/cpu", IDLE), ("proc/pressure/memory", IDLE), ("proc/pressure/io", "soon\n")]);
        let before = totals(tree.path());
        tree.write("proc/pressure/cpu", "some avg10=9.00 avg60=0.00 avg300=0.00 total=61000\n");
        let share = before.until(&totals(tree.path()), Nanos::from_secs(2));
        assert_eq!(share.0, BTreeMap::from([("cpu", 0.03), ("memory", 0.0)]), "60 ms of 2 s");
        assert_eq!(totals(Path::new("/nonexistent")), Waited::default());
    }
}
