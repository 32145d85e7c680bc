//! Reads `[scrape.NAME]` and `[log.NAME]`: what targets report of themselves.

mod log;

use std::collections::BTreeMap;

use super::metrics::METRICS;
use super::work::Work;
use crate::interop::exposition::is_metric_name;
use crate::measure::kind::StageKind;
use crate::measure::metric::{Unit, find};
use crate::measure::scraped::{Asked, How};
use crate::scenario::stage::kind::{Kind, Own, OwnStage, Place};
use crate::spec::Section;
use crate::work::reported::{Described, OnLaunch, Read};
use harness_base::names::is_name;
use harness_base::words::nearest;
use harness_rig::target::loopback;
use harness_rig::target::template::{Piece, Template};

pub(crate) const KIND: Kind = Kind {
    place: Place::Own { table: "scrape", read },
    about: "reads what the target reports of itself over the rounds of another stage",
};

/// The metric that is read after a launch.
const ON_LAUNCH: &str = "startup/policy_load";

/// The stage that is described unless another one is named.
const OF: &str = "overhead";

/// Units of times, each with its length in nanoseconds.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

fn read(root: &Section<'_>) -> Own {
    let mut own = Own::default();
    let about = "metrics endpoint of the target, whose values become metrics";
    for (name, section) in &root.named("scrape", about) {
        read_endpoint(name, section, &mut own);
    }
    own.on_launch.extend(log::read(root));
    let written = root.peek("stage").map_or_else(Vec::new, |stages| stages.keys());
    for stage in own.stages.iter().filter(|stage| written.contains(&stage.name)) {
        let hint = "give it another name after the @".to_owned();
        root.mistake("scrape", format!("{} is the name of a stage", stage.name), Some(hint));
    }
    own
}

/// Reads one `[scrape.NAME]`.
fn read_endpoint(name: &str, section: &Section<'_>, own: &mut Own) {
    let about = "URL of the endpoint, for example \"http://127.0.0.1:{port.admin}/metrics\"";
    let url: String = section.field("url", about).required();
    let about = "stage whose rounds are described: before the counted rounds of each instance and after each, the endpoint is read";
    let of = section.field("stage", about).default(OF.to_owned());
    let labels: Vec<(String, String)> =
        section.field("labels", "labels that a series must have; several series are added").default(Vec::new());
    let about = "ids of metrics, each with the name that the target gives it: histogram, counter or gauge";
    let metrics = section.named("metrics", about);
    if section.describing() {
        metrics.iter().for_each(|(id, metric)| drop(read_asked(id, metric, &labels)));
        return;
    }
    if !is_name(name) {
        section.mistake("", format!("{name:?} is no name: use up to 64 letters, digits, - and _"), None);
    }
    if section.has("url") {
        check_url(section, &url);
    }
    if metrics.is_empty() {
        let hint = "write metrics = { \"policy/eval_mean\" = { histogram = \"NAME\" } }".to_owned();
        section.mistake("metrics", "names no metric", Some(hint));
    }
    let endpoint = format!("{}.url", section.path());
    for (id, metric) in &metrics {
        let Some((asked, stage)) = read_asked(id, metric, &labels) else { continue };
        let read = Read { endpoint: endpoint.clone(), asked };
        match stage {
            None => own.on_launch.push((metric.path().to_owned(), OnLaunch::Gauge(read))),
            Some(stage) => add(&mut own.stages, metric, (stage, of.as_str()), read),
        }
    }
    own.endpoints.push((endpoint, url));
}

fn check_url(section: &Section<'_>, url: &str) {
    let hint = Some("for example http://127.0.0.1:{port.admin}/metrics".to_owned());
    match Template::parse(url) {
        Err(error) => section.mistake("url", error.to_string(), hint),
        Ok(template) => {
            if let Err(error) = loopback::check(&template, false) {
                section.mistake("url", error.to_string(), hint);
            } else if template.pieces().contains(&Piece::Pod) {
                section.mistake("url", "{pod} has no value here: nothing is read of a target in a pod", hint);
            }
        }
    }
}

/// Adds what is read to the stage of its name.
fn add(stages: &mut Vec<OwnStage>, metric: &Section<'_>, (name, of): (String, &str), read: Read) {
    let works = |stage: &OwnStage| stage.work.planned().described().cloned();
    let known = stages.iter_mut().find(|stage| stage.name == name);
    let Some(known) = known else {
        let work = Work(Described { of: of.to_owned(), reads: vec![read] }).into();
        stages.push(OwnStage { name, optional: false, work });
        return;
    };
    let Some(mut described) = works(known) else { return };
    if described.of != of {
        let message = format!("describes {of}, and another metric without another name describes {}", described.of);
        metric.mistake("", message, Some("describe one stage, or use scrape/time@NAME".to_owned()));
    }
    if described.reads.iter().any(|other| other.asked.metric == read.asked.metric) {
        metric.mistake("", "is read already", Some("keep one of them".to_owned()));
    }
    described.reads.push(read);
    known.work = Work(described).into();
}

/// Reads one metric. Returns what is asked for, and the stage that has it: none for a metric that is read after a launch.
fn read_asked(id: &str, section: &Section<'_>, labels: &[(String, String)]) -> Option<(Asked, Option<String>)> {
    let histogram: Option<String> = section.field("histogram", "name of a histogram").optional();
    let counter: Option<String> = section.field("counter", "name of a counter").optional();
    let gauge: Option<String> = section.field("gauge", "name of a gauge").optional();
    let about = "quantile (0 to 1) of the histogram, interpolated within its bucket; default: its mean";
    let between = |q: &f64| if *q > 0.0 && *q < 1.0 { Ok(()) } else { Err(format!("must be between 0 and 1, is {q}")) };
    let quantile: Option<f64> = section.field("quantile", about).check(between).optional();
    let per: Option<String> =
        section.field("per", "what a counter is divided by: request").one_of(&["request"]).optional();
    let words = UNITS.map(|(word, _)| word);
    let unit: Option<String> =
        section.field("unit", "unit of a time: ns, us, ms or s; default: as the name ends").one_of(&words).optional();
    let own: Vec<(String, String)> =
        section.field("labels", "labels, in addition to those around it").default(Vec::new());
    if section.describing() {
        return None;
    }
    let form = section.exactly_one(&["histogram", "counter", "gauge"])?;
    let name = histogram.or(counter).or(gauge)?;
    if !is_metric_name(&name) || name.len() > 200 {
        section.mistake(form, format!("{name:?} is not a valid name of a metric"), None);
    }
    let (metric, stage) = wanted(id, section)?;
    for (key, _) in
        [("quantile", "histogram"), ("per", "counter")].iter().filter(|(key, of)| section.has(key) && form != *of)
    {
        section.mistake(key, format!("has no meaning for a {form}"), Some("leave it out".to_owned()));
    }
    let how = how(section, metric, (form, quantile, per.is_some()))?;
    let factor = factor(section, metric, &name, unit.as_deref())?;
    let labels: BTreeMap<String, String> = labels.iter().cloned().chain(own).collect();
    Some((Asked { metric: metric.to_owned(), name, labels, how, factor }, stage))
}

/// Returns the metric of an id, and the name of the stage that has it.
fn wanted(id: &str, section: &Section<'_>) -> Option<(&'static str, Option<String>)> {
    if id == ON_LAUNCH {
        return Some((ON_LAUNCH, None));
    }
    let (bare, name) = id.split_once('@').map_or((id, None), |(bare, name)| (bare, Some(name)));
    let known = METRICS.iter().map(|metric| metric.id).find(|known| *known == bare);
    match (known, name) {
        (Some(known), Some(name)) if known.starts_with("scrape/") && is_name(name) => {
            Some((known, Some(name.to_owned())))
        }
        (Some(known), None) if !known.starts_with("scrape/") => {
            Some((known, Some(StageKind::Scrape.name().to_owned())))
        }
        _ => {
            let ids: Vec<String> =
                METRICS.iter().map(|metric| written(metric.id)).chain([ON_LAUNCH.to_owned()]).collect();
            let near =
                nearest(bare, METRICS.iter().map(|metric| metric.id)).map(|near| format!("write {}", written(near)));
            let hint = near.unwrap_or_else(|| format!("one of {}", ids.join(", ")));
            section.mistake("", format!("{id:?} cannot be read from a metrics endpoint"), Some(hint));
            None
        }
    }
}

fn written(id: &str) -> String {
    if id.starts_with("scrape/") { format!("{id}@NAME") } else { id.to_owned() }
}

/// Decides how the value is taken, which must fit the metric.
fn how(section: &Section<'_>, metric: &str, (form, quantile, per): (&str, Option<f64>, bool)) -> Option<How> {
    let own_quantile =
        metric.strip_prefix("policy/eval_p").and_then(|digits| digits.parse::<f64>().ok()).map(|p| p / 100.0);
    let quantile = quantile.or(own_quantile.filter(|_| form == "histogram"));
    let fits = match metric {
        ON_LAUNCH => form == "gauge",
        "policy/eval_mean" => form == "histogram" && quantile.is_none(),
        "policy/eval_p50" | "policy/eval_p99" => form == "histogram" && quantile == own_quantile,
        "scrape/per_request" => form == "counter",
        _ => form != "counter",
    };
    if !fits {
        let hint = match metric {
            ON_LAUNCH => "write gauge = \"NAME\"",
            "policy/eval_mean" => "write histogram = \"NAME\" without quantile",
            "policy/eval_p50" | "policy/eval_p99" => {
                "write histogram = \"NAME\", and no other quantile than that of the id"
            }
            "scrape/per_request" => "write counter = \"NAME\", per = \"request\"",
            _ => "a counter becomes scrape/per_request@NAME",
        };
        section.mistake("", format!("{metric} cannot be read in this way"), Some(hint.to_owned()));
        return None;
    }
    if form == "counter" && !per {
        section.mistake("per", "is missing", Some("write per = \"request\"".to_owned()));
    }
    Some(match (form, quantile) {
        ("counter", _) => How::PerRequest,
        ("gauge", _) => How::Gauge,
        (_, Some(quantile)) => How::Quantile(quantile),
        (_, None) => How::Mean,
    })
}

/// Returns the factor to the unit of the metric. The unit of a time is written, or the end of the name says it.
fn factor(section: &Section<'_>, metric: &str, name: &str, unit: Option<&str>) -> Option<f64> {
    let to_ns = match find(metric)?.unit {
        Unit::Micros => 1e3,
        Unit::Millis => 1e6,
        _ if unit.is_some() => {
            section.mistake("unit", format!("{metric} is no time"), Some("leave it out".to_owned()));
            return None;
        }
        _ => return Some(1.0),
    };
    let last = name.rsplit('_').next().unwrap_or_default();
    let ending = match last {
        "seconds" => "s",
        "milliseconds" => "ms",
        "microseconds" => "us",
        "nanoseconds" => "ns",
        other => other,
    };
    let word = unit.unwrap_or(ending);
    let found = UNITS.iter().find(|(known, _)| *known == word).map(|(_, ns)| ns / to_ns);
    if found.is_none() {
        let message = format!("is missing: the name {name} does not end in a unit");
        section.mistake("unit", message, Some("write unit = \"ms\"".to_owned()));
    }
    found
}
