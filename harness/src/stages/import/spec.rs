//! Reads `[import.criterion]`.

use super::metrics::METRICS;
use super::work::Work;
use crate::scenario::stage::kind::{Kind, Place};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;
use harness_base::words::nearest;

pub(crate) const KIND: Kind = Kind {
    place: Place::Own { table: "import.criterion", read },
    about: "reads numbers that another tool has measured",
};

fn read(root: &Section<'_>) -> Option<(bool, work::Work)> {
    let criterion = root
        .optional_table("import", "results of other tools")?
        .optional_table("criterion", "benchmarks of Criterion that become metrics")?;
    let optional = criterion.field("optional", "omitted with a warning if it cannot be read").default(false);
    Some((optional, read_criterion(&criterion).into()))
}

fn read_criterion(section: &Section<'_>) -> Work {
    let dir = section.field("dir", "Criterion's directory, for example ../target/criterion").required();
    let about = "Criterion's full benchmark ids, each with its metric: policy/eval (for eval_p50 and eval_p99), policy/eval_p50, policy/eval_p99 or policy/reload_time";
    let written: Vec<(String, String)> = section.field("names", about).required();
    if written.is_empty() && section.has("names") {
        section.mistake("names", "names no benchmark", Some("add \"GROUP/BENCH\" = \"policy/eval\"".to_owned()));
    }
    let max_age = section.field("max_age", "largest age of its files").default(Nanos::from_secs(24 * 3600));
    let mut names: Vec<(String, &'static str)> = Vec::new();
    for (bench, wanted) in written {
        let metrics = named(&wanted);
        if metrics.is_empty() {
            let hint = nearest(&wanted, ids()).map_or_else(
                || format!("one of {}", ids().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean {near}?"),
            );
            section.mistake(&format!("names.{bench}"), format!("{wanted:?} cannot be imported"), Some(hint));
        }
        for id in metrics {
            if names.iter().any(|(_, known)| *known == id) {
                section.mistake(&format!("names.{bench}"), format!("{id} has a benchmark already"), None);
            }
            names.push((bench.clone(), id));
        }
    }
    Work { dir, names, max_age }
}

/// Lists the metrics that can be imported.
fn ids() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|metric| metric.id)
}

/// Returns the metrics of a name: itself, or all its quantiles.
fn named(wanted: &str) -> Vec<&'static str> {
    let fits = |id: &&str| *id == wanted || id.strip_prefix(wanted).is_some_and(|rest| rest.starts_with("_p"));
    ids().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_or_for_all_its_quantiles() {
        assert_eq!(named("policy/eval"), ["policy/eval_p50", "policy/eval_p99"]);
        assert_eq!(named("policy/eval_p99"), ["policy/eval_p99"]);
        assert_eq!(named("policy/reload_time"), ["policy/reload_time"]);
        assert!(named("policy").is_empty() && named("latency/p50").is_empty() && named("").is_empty());
    }
}
