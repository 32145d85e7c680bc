//! Reads `[log.NAME]`: times that the target writes to its log.

use super::{ON_LAUNCH, UNITS};
use crate::spec::Section;
use crate::work::reported::{Line, OnLaunch};
use harness_base::names::is_name;

/// Reads every table, each with its key.
pub(super) fn read(root: &Section<'_>) -> Vec<(String, OnLaunch)> {
    let sections = root.named("log", "a line of the target's output that contains a time, which becomes a metric");
    let one = |(name, section): &(String, Section<'_>)| {
        let line = read_one(name, section)?;
        Some((section.path().to_owned(), OnLaunch::Line(line)))
    };
    sections.iter().filter_map(one).collect()
}

fn read_one(name: &str, section: &Section<'_>) -> Option<Line> {
    let about = "regular expression of the line, with one named group for the number: (?P<ms>[0-9.]+), or ns, us or s";
    let pattern: String = section.field("pattern", about).required();
    let about = "id of the metric: startup/policy_load, read from the first line that matches after each launch of stage startup";
    section.field("metric", about).one_of(&[ON_LAUNCH]).default(ON_LAUNCH.to_owned());
    if section.describing() || !section.has("pattern") {
        return None;
    }
    if !is_name(name) {
        section.mistake("", format!("{name:?} is no name: use up to 64 letters, digits, - and _"), None);
    }
    if let Err(error) = harness_load::check_pattern(&pattern) {
        section.mistake("pattern", format!("{pattern:?} is not a regular expression: {error}"), None);
        return None;
    }
    let named = |word: &str| ["(?P<", "(?<"].iter().any(|open| pattern.contains(&format!("{open}{word}>")));
    let groups: Vec<(&str, f64)> = UNITS.into_iter().filter(|(word, _)| named(word)).collect();
    match groups.as_slice() {
        [(group, ns)] => Some(Line { group: (*group).to_owned(), factor: ns / 1e6, pattern }),
        [] => {
            let hint = "for example \"policies loaded in (?P<ms>[0-9.]+) ms\"".to_owned();
            section.mistake("pattern", "has no group that is named ns, us, ms or s", Some(hint));
            None
        }
        _ => {
            section.mistake("pattern", "has several groups that are named as units", Some("keep one".to_owned()));
            None
        }
    }
}
