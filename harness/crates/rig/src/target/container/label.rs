//! The labels by which we find again what is ours.

use std::collections::HashMap;

use crate::cgroup::Maker;

/// The run that something belongs to.
const RUN: &str = "harness.run";
/// The keeper of that run as `<pid>-<start time>`: while it lives, so does the run.
pub(super) const KEEPER: &str = "harness.keeper";
/// The namespace in which that pid means something.
const NAMESPACE: &str = "harness.pid-namespace";

/// The labels of all that a run makes.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    run: String,
    keeper: Maker,
}

impl Labels {
    /// Of a run and the process that keeps it.
    pub(super) fn new(run: &str, keeper: i32) -> Self {
        Self { run: run.to_owned(), keeper: Maker::of(keeper) }
    }

    /// Every label with its value.
    pub(super) fn all(&self) -> HashMap<String, String> {
        let Maker { namespace, pid, started } = self.keeper;
        let (keeper, space) = (format!("{pid}-{started}"), format!("pid:[{namespace}]"));
        [(RUN, self.run.clone()), (KEEPER, keeper), (NAMESPACE, space)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

/// The label of a run as engines filter by it.
pub(super) fn of_run(run: &str) -> String {
    format!("{RUN}={run}")
}

/// Whether the keeper behind these labels is gone. What another namespace made is never taken for dead.
pub(super) fn is_abandoned(labels: &HashMap<String, String>) -> bool {
    keeper(labels).is_some_and(Maker::is_gone)
}

fn keeper(labels: &HashMap<String, String>) -> Option<Maker> {
    let (pid, started) = labels.get(KEEPER)?.split_once('-')?;
    let namespace = labels.get(NAMESPACE)?.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some(Maker { namespace: namespace.parse().ok()?, pid: pid.parse().ok()?, started: started.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_keeper_of_this_namespace_left_is_abandoned() {
        let own = i32::try_from(std::process::id()).unwrap();
        let living = Labels::new("a", own).all();
        assert!(!is_abandoned(&living));
        let with = |name: &str, value: &str| {
            let mut labels = living.clone();
            labels.insert(name.to_owned(), value.to_owned());
            labels
        };
        // The number was given to another process since.
        assert!(is_abandoned(&with(KEEPER, &format!("{own}-1"))));
        assert!(!is_abandoned(&with(KEEPER, "not ours")));
        assert!(!is_abandoned(&HashMap::new()));
        let mut foreign = with(KEEPER, &format!("{own}-1"));
        foreign.insert(NAMESPACE.to_owned(), "pid:[1]".to_owned());
        assert!(!is_abandoned(&foreign));
    }
}
