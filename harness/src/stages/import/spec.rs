//! Reads `[import.criterion]` and `[import.json]`.

use std::path::PathBuf;

use super::metrics::METRICS;
use super::work::{JSON, Source, Tool, Work};
use crate::measure::kind::StageKind;
use crate::scenario::stage::kind::{Kind, Own, OwnStage, Place};
use crate::spec::Section;
use harness_base::names::is_name;
use harness_base::units::Nanos;
use harness_base::words::nearest;

pub(crate) const KIND: Kind = Kind {
    place: Place::Own { table: "import.criterion", read },
    about: "reads numbers that another tool has measured",
};

/// Criterion's benchmark ids or pointers, each with the metric that it becomes.
type Names = Vec<(String, Wanted)>;

/// A metric, and the stage that has it.
struct Wanted {
    metric: &'static str,
    stage: String,
}

fn read(root: &Section<'_>) -> Own {
    let Some(import) = root.optional_table("import", "results of other tools") else {
        return Own::default();
    };
    let criterion = import.optional_table("criterion", "benchmarks of Criterion that become metrics");
    let json = import.optional_table("json", "numbers in JSON files that become metrics");
    let mut stages: Vec<OwnStage> = criterion.iter().flat_map(read_criterion).collect();
    for stage in json.iter().flat_map(read_json) {
        if stages.iter().any(|known| known.name == stage.name) {
            let message = format!("{} is the name of a number of [import.criterion]", stage.name);
            import.mistake("json.names", message, Some("give it another name after the @".to_owned()));
        }
        stages.push(stage);
    }
    let written = root.peek("stage").map_or_else(Vec::new, |stages| stages.keys());
    for stage in stages.iter().filter(|stage| written.contains(&stage.name)) {
        let hint = "give it another name after the @".to_owned();
        import.mistake("", format!("{} is the name of a stage", stage.name), Some(hint));
    }
    Own { stages, ..Own::default() }
}

fn read_criterion(section: &Section<'_>) -> Vec<OwnStage> {
    let dir = section.field("dir", "Criterion's directory, for example ../target/criterion").required();
    let about = "Criterion's full benchmark ids, each with its metric: policy/eval (for eval_p50 and eval_p99), policy/eval_p50, policy/eval_p99, policy/reload_time or import/time@NAME";
    let mut names = read_names(section, about, "add \"GROUP/BENCH\" = \"policy/eval\"");
    let about = "whether a benchmark that becomes import/time@NAME also becomes throughput/import_mbs@NAME; it has to declare its bytes";
    if section.field("throughput", about).default(false) {
        let named = |(bench, wanted): &(String, Wanted)| {
            (wanted.metric == "import/time")
                .then(|| (bench.clone(), Wanted { metric: "throughput/import_mbs", stage: wanted.stage.clone() }))
        };
        let more: Names = names.iter().filter_map(named).collect();
        if more.is_empty() {
            let hint = "add \"GROUP/BENCH\" = \"import/time@NAME\"".to_owned();
            section.mistake("throughput", "no benchmark becomes import/time@NAME", Some(hint));
        }
        names.extend(more);
    }
    stages(section, names, &Source::Criterion { dir })
}

fn read_json(section: &Section<'_>) -> Vec<OwnStage> {
    let about = "numbers, each as FILE#/POINTER with its metric, for example \"../target/heap.json#/blocks/total\" = \"import/count@allocations\"; a list of numbers is a list of samples";
    let names = read_names(section, about, "add \"FILE#/POINTER\" = \"import/count@NAME\"");
    for (place, wanted) in &names {
        if !place.split_once('#').is_some_and(|(file, pointer)| !file.is_empty() && pointer.starts_with('/')) {
            let hint = "write FILE#/POINTER, for example heap.json#/blocks/total".to_owned();
            section.mistake(&format!("names.{place}"), format!("{place:?} names no number in a file"), Some(hint));
        }
        if !JSON.contains(&wanted.metric) {
            let hint = format!("one of {}", JSON.map(|id| format!("{id}@NAME")).join(", "));
            section.mistake(
                &format!("names.{place}"),
                format!("{} is imported from Criterion only", wanted.metric),
                Some(hint),
            );
        }
    }
    stages(section, names, &Source::Json)
}

/// Puts the metrics of one name into one stage.
fn stages(section: &Section<'_>, names: Names, source: &Source) -> Vec<OwnStage> {
    let max_age = section.field("max_age", "largest age of its files").default(Nanos::from_secs(24 * 3600));
    let optional = section.field("optional", "omitted with a warning if it cannot be read").default(false);
    let mut run = read_tool(section);
    let mut stages: Vec<(String, Work)> = Vec::new();
    for (place, Wanted { metric, stage }) in names {
        match stages.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, work)) => work.names.push((place, metric)),
            None => {
                let work = Work { source: source.clone(), names: vec![(place, metric)], max_age, run: run.take() };
                stages.push((stage, work));
            }
        }
    }
    stages.into_iter().map(|(name, work)| OwnStage { name, optional, work: work.into() }).collect()
}

/// Reads the command that writes the files.
fn read_tool(section: &Section<'_>) -> Option<Tool> {
    let about =
        "command that writes the files, with its arguments, for example [\"cargo\", \"bench\"]; default: they exist";
    let argv: Option<Vec<String>> = section.field("run", about).optional();
    let cwd = section.field("cwd", "its working folder, relative to the scenario").default(PathBuf::from("."));
    let env =
        section.field("env", "environment variables for it; PATH and HOME are always passed on").default(Vec::new());
    let time_limit = section.field("time_limit", "largest duration of it").default(Nanos::from_secs(30 * 60));
    let argv = argv.filter(|argv| {
        if argv.is_empty() {
            section.mistake("run", "has no program", Some("write run = [\"cargo\", \"bench\"]".to_owned()));
        }
        !argv.is_empty()
    })?;
    Some(Tool { argv, env, cwd, time_limit })
}

fn read_names(section: &Section<'_>, about: &'static str, example: &str) -> Names {
    let written: Vec<(String, String)> = section.field("names", about).required();
    if written.is_empty() && section.has("names") {
        section.mistake("names", "names no benchmark", Some(example.to_owned()));
    }
    let mut names = Names::new();
    for (place, text) in written {
        let key = format!("names.{place}");
        let found = wanted(&text);
        if found.is_empty() {
            section.mistake(&key, format!("{text:?} cannot be imported"), Some(hint(&text)));
        }
        for wanted in found {
            if names.iter().any(|(_, known)| known.metric == wanted.metric && known.stage == wanted.stage) {
                let id = if is_of_any_name(wanted.metric) { text.as_str() } else { wanted.metric };
                section.mistake(&key, format!("{id} has a benchmark already"), None);
            }
            names.push((place.clone(), wanted));
        }
    }
    names
}

fn hint(text: &str) -> String {
    let bare = text.split_once('@').map_or(text, |(bare, _)| bare);
    match nearest(bare, ids()) {
        Some(near) if is_of_any_name(near) => format!("write {near}@NAME"),
        Some(near) => format!("did you mean {near}?"),
        None => format!("one of {}", ids().collect::<Vec<_>>().join(", ")),
    }
}

/// Lists the metrics that can be imported.
fn ids() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|metric| metric.id)
}

/// Returns whether the scenario names what a metric is of: `import/time@NAME`.
fn is_of_any_name(id: &str) -> bool {
    JSON.contains(&id)
}

/// Returns the metrics of a name: itself, or all its quantiles.
fn wanted(text: &str) -> Vec<Wanted> {
    match text.split_once('@') {
        Some((bare, stage)) => {
            let of = ids().filter(|id| *id == bare && is_of_any_name(id) && is_name(stage));
            of.map(|metric| Wanted { metric, stage: stage.to_owned() }).collect()
        }
        None => {
            let fits = |id: &&str| *id == text || id.strip_prefix(text).is_some_and(|rest| rest.starts_with("_p"));
            let of = ids().filter(|id| !is_of_any_name(id)).filter(fits);
            of.map(|metric| Wanted { metric, stage: StageKind::Import.name().to_owned() }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(&'static str, String)> {
        wanted(text).into_iter().map(|Wanted { metric, stage }| (metric, stage)).collect()
    }

    #[test]
    fn a_name_stands_for_itself_or_for_all_its_quantiles() {
        let import = |id: &'static str| (id, "import".to_owned());
        assert_eq!(named("policy/eval"), [import("policy/eval_p50"), import("policy/eval_p99")]);
        assert_eq!(named("policy/eval_p99"), [import("policy/eval_p99")]);
        assert_eq!(named("policy/reload_time"), [import("policy/reload_time")]);
        assert!(named("policy").is_empty() && named("latency/p50").is_empty() && named("").is_empty());
    }

    #[test]
    fn a_number_of_any_name_is_a_stage_of_that_name() {
        assert_eq!(named("import/time@aead"), [("import/time", "aead".to_owned())]);
        for refused in ["import/time", "import/time@", "import/time@a b", "policy/eval_p50@aead", "import/tim@aead"] {
            assert!(named(refused).is_empty(), "{refused}");
        }
        assert_eq!(hint("import/tim@aead"), "write import/time@NAME");
    }
}
