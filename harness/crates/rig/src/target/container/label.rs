//! The labels of everything that a run creates with the engine.

use std::collections::HashMap;

use super::nonce;
use crate::cgroup::Maker;

/// The label with the run.
const RUN: &str = "harness.run";
/// The label with the keeper of that run as `<pid>-<start time>`. The run lives as long as its keeper.
pub(super) const KEEPER: &str = "harness.keeper";
/// The label with the pid namespace of the keeper.
const NAMESPACE: &str = "harness.pid-namespace";
/// The label with the number that proves that we made it.
const NONCE: &str = "harness.nonce";

/// The labels of a run.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    run: String,
    keeper: Maker,
    nonce: String,
}

impl Labels {
    /// Creates the labels of a run and its keeper, with the number of the run.
    pub(super) fn new(run: &str, keeper: i32, nonce: &str) -> Self {
        Self { run: run.to_owned(), keeper: Maker::of(keeper), nonce: nonce.to_owned() }
    }

    /// Returns all labels with their values.
    pub(crate) fn all(&self) -> HashMap<String, String> {
        let Maker { namespace, pid, started } = self.keeper;
        let (keeper, space) = (format!("{pid}-{started}"), format!("pid:[{namespace}]"));
        [(RUN, self.run.clone()), (KEEPER, keeper), (NAMESPACE, space), (NONCE, self.nonce.clone())]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

/// Returns the filter for everything of a run, by its number.
pub(super) fn of_run(nonce: &str) -> String {
    format!("{NONCE}={nonce}")
}

/// Forgets the number in the filter of a run, after everything of it was removed.
pub(super) fn forget(filter: &str) {
    if let Some((NONCE, number)) = filter.split_once('=') {
        nonce::forget(number);
    }
}

/// Returns whether a run of this user made what has these labels, and its keeper has ended. The keeper of another namespace never counts as
/// ended.
pub(super) fn is_abandoned(labels: &HashMap<String, String>) -> bool {
    let is_ours = labels.get(NONCE).is_some_and(|number| nonce::is_known(number));
    is_ours && keeper(labels).is_some_and(Maker::is_gone)
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
        let number = nonce::create().unwrap();
        let living = Labels::new("a", own, &number).all();
        assert!(!is_abandoned(&living));
        let with = |name: &str, value: &str| {
            let mut labels = living.clone();
            labels.insert(name.to_owned(), value.to_owned());
            labels
        };
        // The number was reused for another process.
        assert!(is_abandoned(&with(KEEPER, &format!("{own}-1"))));
        assert!(!is_abandoned(&with(KEEPER, "not ours")));
        assert!(!is_abandoned(&HashMap::new()));
        let mut foreign = with(KEEPER, &format!("{own}-1"));
        foreign.insert(NAMESPACE.to_owned(), "pid:[1]".to_owned());
        assert!(!is_abandoned(&foreign));
        let mut forged = with(KEEPER, &format!("{own}-1"));
        forged.insert(NONCE.to_owned(), "0".repeat(32));
        assert!(!is_abandoned(&forged), "a label that an image can bring");
        nonce::forget(&number);
        assert!(!is_abandoned(&with(KEEPER, &format!("{own}-1"))));
    }
}
