//! Links profiles in reports. Their files are in the folder of the reports.

use maud::{Markup, html};

use super::html::text::list;
use super::markdown::escape::escaped;
use crate::measure::Profile;
use crate::measure::profile::Taken;
use crate::measure::record::Record;
use harness_base::names::is_file_name;
use harness_base::units::{Nanos, grouped};

/// Iterates over the stages with profiles.
fn profiles(record: &Record) -> impl Iterator<Item = (&str, &Profile)> {
    record.stages.iter().filter_map(|stage| Some((stage.name.as_str(), stage.profile.as_ref()?)))
}

fn about(taken: &Taken) -> String {
    format!(
        " ({} samples of {} in {}, {} stacks); this window is in no number",
        grouped(taken.samples as f64),
        taken.event,
        Nanos(taken.window_ns),
        taken.stacks.name()
    )
}

/// Formats a line for each profiled stage.
pub(super) fn text(record: &Record) -> Vec<String> {
    let line = |(stage, profile): (&str, &Profile)| match profile {
        Profile::Taken(taken) => {
            format!("{stage}: flame graph {}, stacks {}{}", taken.graph, taken.folded, about(taken))
        }
        Profile::Absent(why) => format!("{stage}: no profile: {why}"),
    };
    profiles(record).map(line).collect()
}

/// Formats Markdown list items, escaped.
pub(super) fn markdown(record: &Record) -> Vec<String> {
    let escaped_link = |path: &str| if is_link(path) { format!("[{path}]({path})") } else { escaped(path) };
    let line = |(stage, profile): (&str, &Profile)| match profile {
        Profile::Taken(taken) => {
            let links = [&taken.graph, &taken.folded].map(|path| escaped_link(path));
            format!("{}: flame graph {}, stacks {}{}", escaped(stage), links[0], links[1], escaped(&about(taken)))
        }
        Profile::Absent(why) => escaped(&format!("{stage}: no profile: {why}")),
    };
    profiles(record).map(line).collect()
}

/// Returns whether a path from a record leads to a file below the folder of the reports, and to nothing else.
fn is_link(path: &str) -> bool {
    path.split('/').all(is_file_name)
}

/// Renders an HTML list; nothing if nothing was profiled.
pub(super) fn html(record: &Record) -> Markup {
    let link = |path: &str| html! { @if is_link(path) { a href=(path) { (path) } } @else { (path) } };
    list(profiles(record).map(|(stage, profile)| match profile {
        Profile::Taken(taken) => html! {
            (stage) ": flame graph " (link(&taken.graph)) ", stacks " (link(&taken.folded)) (about(taken))
        },
        Profile::Absent(why) => html! { (stage) ": no profile: " (why) },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::StageRecord;
    use crate::measure::profile::Stacks;

    fn record(profile: Option<Profile>) -> Record {
        let stage = StageRecord { name: "overhead".to_owned(), profile, ..StageRecord::default() };
        Record { stages: vec![stage], ..Record::default() }
    }

    #[test]
    fn only_files_below_the_folder_are_linked() {
        assert!(is_link("profile/overhead.svg"));
        for path in ["javascript:alert(1)", "../x.svg", "/etc/passwd", "//host/x", "a b", "https://host/x", ""] {
            assert!(!is_link(path), "{path}");
        }
    }

    #[test]
    fn a_profile_is_linked_and_one_that_is_absent_says_why() {
        let taken = record(Some(Profile::Taken(Taken {
            graph: "profile/overhead.svg".to_owned(),
            folded: "profile/overhead.folded".to_owned(),
            stacks: Stacks::Dwarf,
            event: "cpu-clock".to_owned(),
            samples: 1234,
            window_ns: 3_000_000_000,
            top: Vec::new(),
        })));
        let html = html(&taken).0;
        assert!(html.contains("<a href=\"profile/overhead.svg\">profile/overhead.svg</a>"), "{html}");
        let markdown = markdown(&taken);
        assert!(markdown[0].contains("[profile/overhead.folded](profile/overhead.folded)"), "{markdown:?}");
        let line = "overhead: flame graph profile/overhead.svg, stacks profile/overhead.folded \
                    (1,234 samples of cpu-clock in 3.00 s, dwarf stacks); this window is in no number";
        assert_eq!(text(&taken), [line]);
        let absent = record(Some(Profile::Absent("a < b".to_owned())));
        assert_eq!(text(&absent), ["overhead: no profile: a < b"]);
        assert!(super::html(&absent).0.contains("a &lt; b"));
        assert!(text(&record(None)).is_empty() && super::html(&record(None)).0.is_empty());
    }
}
