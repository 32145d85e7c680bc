//! Decides which keys can vary.

use crate::work::Stage;
use harness_base::words::nearest;

/// Tables whose values can vary.
const VARY: [&str; 6] = ["upstream", "request", "workload", "network", "target", "stage"];
/// Keys that are one for the whole run.
const ONE: [&str; 14] = [
    "name",
    "seed",
    "audit",
    "generator",
    "artifacts",
    "targets",
    "gate",
    "compare",
    "import",
    "scrape",
    "log",
    "egress",
    "fleet",
    "matrix",
];
/// Keys of a stage that say what it is instead of what is measured.
const OF_STAGE: [&str; 3] = ["kind", "optional", "audit"];

/// Returns whether a key is a free name of values that vary together.
pub(super) fn is_name(key: &str) -> bool {
    !key.contains('.') && !VARY.contains(&key) && !ONE.contains(&key)
}

/// Returns why a key cannot vary, and what to do.
pub(super) fn of_key(key: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        ["wire"] | ["generator", "wire"] => None,
        ["stage", _, own, ..] if OF_STAGE.contains(own) => {
            let message = format!("cannot vary, because the values of {own} are not comparable");
            Some((message, "give each value a scenario".to_owned()))
        }
        ["stage", _, _, ..] => None,
        ["stage", ..] => Some((
            "is not a key of a stage".to_owned(),
            "write stage.NAME.KEY, for example \"stage.capacity.vus\"".to_owned(),
        )),
        [table, _, ..] if VARY.contains(table) => None,
        [one, ..] if ONE.contains(one) => {
            let message = "is one value for the whole run".to_owned();
            Some((
                message,
                "give each value a scenario, or vary values of upstream, request, network, target or a stage"
                    .to_owned(),
            ))
        }
        [table] if VARY.contains(table) => {
            Some((format!("is the table {table}, not a value"), format!("write the key, for example \"{table}.KEY\"")))
        }
        [first, ..] => {
            let hint = nearest(first, VARY.into_iter().chain(["wire"])).map_or_else(
                || "values of upstream, request, workload, network, target, a stage and wire can vary".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            Some(("is not a key of a scenario that can vary".to_owned(), hint))
        }
        [] => None,
    }
}

/// Returns why a stage cannot vary, and what to do; `found` is the stage of that name.
pub(super) fn of_stage(name: &str, found: Option<&Stage>, stages: &[Stage]) -> Option<(String, String)> {
    let with_rounds = stages.iter().filter(|stage| stage.work.planned().rounds().is_some());
    let names: Vec<&str> = with_rounds.map(|stage| stage.name.as_str()).collect();
    match found {
        None => {
            let hint = nearest(name, names.iter().copied()).or(names.first().copied()).map_or_else(
                || "add [stage.capacity], or another stage with rounds".to_owned(),
                |near| format!("did you mean stage.{near}?"),
            );
            Some((format!("there is no stage {name}"), hint))
        }
        Some(stage) if stage.work.planned().rounds().is_none() => {
            let kind = stage.kind().name();
            let message = format!("stage {name} of kind {kind} has no rounds, so its cells could not take turns");
            Some((message, format!("give each value a stage of its own, for example [stage.{name}-2]")))
        }
        Some(_) => None,
    }
}
