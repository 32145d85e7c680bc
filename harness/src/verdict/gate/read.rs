//! Reads `[gate]`.

use super::{Gate, Gates, Guard, Threshold, Written, beyond};
use crate::measure::metric::{Better, Kind, METRICS, Metric, Unit, bare, category, find};
use crate::spec::{Document, Section};
use crate::verdict::claim::{example, parse_value};
use harness_base::units::Ratio;
use harness_base::words::nearest;

const ABOUT: &str = "thresholds of one metric, by its id";

/// Reads `[gate]`; `root` is the whole scenario, `stages` the names of its stages if they are known.
pub fn read(root: &Section<'_>, stages: Option<&[&str]>) -> Gates {
    let gate = root.table("gate", "thresholds for changes against a base");
    let defaults = Gates::default();
    let confirm = gate.field("confirm", "an immediate rerun must confirm a block").default(defaults.confirm);
    let consecutive = gate
        .field(
            "consecutive",
            "consecutive runs that must breach before stored evidence is an alert; 1 publishes immediately",
        )
        .check(|runs| if *runs == 0 { Err("must be at least 1, is 0".to_owned()) } else { Ok(()) })
        .default(defaults.consecutive);
    let guard = read_guard(&gate.table("guard", "comparison of this run with the median of the last seven"));
    let written = if gate.describing() { describe(&gate) } else { read_named(&gate, stages) };
    Gates { confirm, consecutive, guard, written }
}

/// Reads the gates of a stored scenario, with the `--set` arguments of the run. Its files may no longer exist, so other
/// mistakes are ignored.
pub fn of_text(text: &str, overrides: &[String]) -> Gates {
    let mut document = Document::parse(text);
    for (key, value) in overrides.iter().filter_map(|argument| argument.split_once('=')) {
        document.set(key, value.trim());
    }
    let root = document.root();
    root.pass_over();
    read(&root, None)
}

fn read_guard(section: &Section<'_>) -> Guard {
    let defaults = Guard::default();
    let limit = |key: &'static str, about, better, default: f64| {
        let default = Ratio(signed(default, better));
        let change: Ratio = section.field(key, about).default(default);
        match share(change, better, key) {
            Ok(share) => share,
            Err((message, hint)) => {
                section.mistake(key, message, Some(hint));
                default.0.abs()
            }
        }
    };
    Guard {
        throughput: limit("throughput", "largest drop below the median", Better::Higher, defaults.throughput),
        latency: limit("latency", "largest rise above the median", Better::Lower, defaults.latency),
        fewest: section
            .field("min_runs", "smallest number of earlier runs that the guard needs")
            .default(defaults.fewest),
    }
}

/// Describes categories with their defaults, and metrics by any other name.
fn describe(gate: &Section<'_>) -> Vec<Written> {
    for name in categories() {
        let section = gate.table(name, "thresholds of a category");
        drop(read_one(name, &members(name), &section));
    }
    for (name, section) in gate.others(ABOUT) {
        drop(read_one(&name, &[], &section));
    }
    Vec::new()
}

fn read_named(gate: &Section<'_>, stages: Option<&[&str]>) -> Vec<Written> {
    let mut written = Vec::new();
    for (name, section) in gate.others(ABOUT) {
        let meant = members(&name);
        if meant.is_empty() {
            section.pass_over();
            section.mistake("", format!("unknown category or metric {name}"), Some(near(&name)));
            continue;
        }
        if let (Some((_, stage)), Some(stages)) = (name.split_once('@'), stages)
            && !stages.contains(&stage)
        {
            section.mistake("", format!("unknown stage {stage}"), Some(format!("stages: {}", stages.join(", "))));
        }
        written.push(read_one(&name, &meant, &section));
    }
    written
}

/// Returns the metrics of a name: those of a category, or one.
pub(super) fn members(name: &str) -> Vec<&'static Metric> {
    if name.contains('/') {
        return find(name).into_iter().collect();
    }
    METRICS.iter().filter(|metric| metric.category() == name).collect()
}

fn categories() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for metric in METRICS {
        if !names.contains(&metric.category()) {
            names.push(metric.category());
        }
    }
    names
}

fn near(name: &str) -> String {
    let ids = METRICS.iter().map(|metric| metric.id);
    let known: Vec<&str> = if name.contains('/') { ids.collect() } else { categories() };
    nearest(bare(name), known.iter().copied()).map_or_else(
        || format!("categories: {}; ids are listed in harness/docs/metrics.md", categories().join(", ")),
        |near| {
            format!("did you mean [gate.{}]?", if near.contains('/') { format!("{near:?}") } else { near.to_owned() })
        },
    )
}

fn read_one(name: &str, meant: &[&Metric], section: &Section<'_>) -> Written {
    // Metrics of one category share their direction; a test checks that.
    let first = meant.first();
    let default = Gate::by_default(category(name), first.map_or(Unit::Count, |metric| metric.unit));
    let better = first.map_or(Better::Lower, |metric| metric.better);
    let exact = !meant.is_empty() && meant.iter().all(|metric| metric.kind == Kind::Exact);
    let degree = |key, about, default: Threshold| {
        let section = section.optional_table(key, about)?;
        read_threshold(name, &section, default, better, exact)
    };
    let written = Written {
        name: name.to_owned(),
        alert: degree("alert", "first degree: reported", default.alert),
        block: degree("block", "second degree: sets exit code 3", default.block),
        min_abs: read_floor(meant, section),
    };
    let (alert, block) = (written.alert.unwrap_or(default.alert), written.block.unwrap_or(default.block));
    if beyond(alert.change, block.change) || alert.p < block.p {
        let key = if written.block.is_some() { "block" } else { "alert" };
        let shown =
            |threshold: Threshold| format!("{} with p < {}", notation(signed(threshold.change, better)), threshold.p);
        let message = format!("a block ({}) must not be milder than an alert ({})", shown(block), shown(alert));
        section.mistake(key, message, None);
    }
    written
}

fn read_threshold(
    name: &str,
    section: &Section<'_>,
    default: Threshold,
    better: Better,
    exact: bool,
) -> Option<Threshold> {
    let change: Ratio = section.field("change", "change against the base, for example \"+10%\"").required();
    if exact {
        section.refuse("p", "has no effect, because values that do not vary are compared exactly", "leave it out");
    }
    let p = if exact {
        default.p
    } else {
        section
            .field("p", "the p-value must be below this")
            .check(
                |p: &f64| {
                    if *p > 0.0 && *p < 1.0 { Ok(()) } else { Err(format!("must lie between 0 and 1, is {p}")) }
                },
            )
            .default(default.p)
    };
    match share(change, better, name) {
        Ok(change) => Some(Threshold { change, p }),
        Err((message, hint)) => {
            if section.has("change") {
                section.mistake("change", message, Some(hint));
            }
            None
        }
    }
}

/// Parses a change in the bad direction into a positive ratio.
fn share(change: Ratio, better: Better, name: &str) -> Result<f64, (String, String)> {
    let worse = signed(change.0, better);
    if worse > 0.0 {
        return Ok(worse);
    }
    let direction = if better == Better::Lower { "lower" } else { "higher" };
    let written = notation(change.0);
    let hint = format!("write \"{}\"", notation(signed(change.0.abs().max(0.01), better)));
    let message = if change.0 == 0.0 {
        "must not be 0: two measurements of the same thing are never equal".to_owned()
    } else {
        format!("\"{written}\" points the wrong way: {direction} {name} is better")
    };
    Err((message, hint))
}

/// Formats a ratio with its sign: `+10%`.
pub(super) fn notation(share: f64) -> String {
    let sign = if share > 0.0 { "+" } else { "" };
    format!("{sign}{}", Ratio(share).notation())
}

const fn signed(share: f64, better: Better) -> f64 {
    match better {
        Better::Lower => share,
        Better::Higher => -share,
    }
}

/// Reads the floor in every unit of the selected metrics that it can be parsed in.
fn read_floor(meant: &[&Metric], section: &Section<'_>) -> Vec<(Unit, f64)> {
    let about = "differences up to this value never count; with its unit";
    let text: Option<String> = section.field("min_abs", about).optional();
    let Some(text) = text else { return Vec::new() };
    let mut floors: Vec<(Unit, f64)> = Vec::new();
    let mut refused = None;
    for unit in meant.iter().map(|metric| metric.unit) {
        match parse_value(text.trim(), unit) {
            Ok(floor) if floor >= 0.0 && floors.iter().all(|(known, _)| *known != unit) => floors.push((unit, floor)),
            Ok(floor) if floor >= 0.0 => {}
            Ok(_) => refused = refused.or(Some((format!("{text:?} must not be negative"), unit))),
            Err(message) => refused = refused.or(Some((message, unit))),
        }
    }
    if let (Some((message, unit)), true) = (refused, floors.is_empty()) {
        section.mistake("min_abs", message, Some(format!("write for example {:?}", example(unit))));
    }
    floors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_one_category_share_their_direction() {
        for name in categories() {
            let members = members(name);
            assert!(members.iter().all(|metric| metric.better == members[0].better), "{name}");
        }
    }

    #[test]
    fn a_change_must_point_to_worse() {
        assert_eq!(share(Ratio(0.1), Better::Lower, "latency"), Ok(0.1));
        assert_eq!(share(Ratio(-0.1), Better::Higher, "throughput"), Ok(0.1));
        let (message, hint) = share(Ratio(-0.1), Better::Lower, "latency").unwrap_err();
        assert!(message.contains("\"-10%\" points the wrong way: lower latency is better"), "{message}");
        assert_eq!(hint, "write \"+10%\"");
        assert!(share(Ratio(0.1), Better::Higher, "throughput").is_err());
        assert!(share(Ratio(0.0), Better::Lower, "latency").is_err());
    }

    #[test]
    fn gates_of_a_text_are_read_over_the_defaults() {
        let text = "[gate]\nconsecutive = 1\n[gate.cpu]\nmin_abs = \"2%\"\n[gate.\"latency/p50\"]\nalert = { change = \"+7%\" }\n";
        let gates = of_text(text, &["gate.confirm=false".to_owned()]);
        assert!(!gates.confirm && gates.consecutive == 1, "{gates:?}");
        assert_eq!(gates.of("latency/p50", Unit::Millis).alert, Threshold { change: 0.07, p: 0.05 });
        assert_eq!(gates.of("cpu/idle_percent", Unit::Percent).min_abs, 2.0);
        assert_eq!(gates.of("cpu/us_per_request", Unit::Micros).min_abs, 10.0, "a floor in percent says nothing of µs");
        assert_eq!(of_text("name = \"x\"\n", &[]), Gates::default());
    }
}
