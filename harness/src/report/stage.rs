//! Dispatches to the presentation of each kind of stage.

use maud::Markup;

use super::html::text::{joined, section};
use super::show::Show;
use crate::measure::kind::StageKind;
use crate::verdict::stage::Detail;

macro_rules! shows {
    ($($Kind:ident $kind:ident,)+) => {
        /// Returns how a kind is shown.
        pub(super) const fn show(kind: StageKind) -> &'static Show {
            match kind {
                $(StageKind::$Kind => &crate::stages::$kind::show::SHOW,)+
            }
        }
    };
}
each_kind!(shows);

macro_rules! details {
    ($($Kind:ident $kind:ident,)+) => {
        /// Returns the tables for the terminal, with a title for each kind.
        pub(super) fn tables(details: &[&Detail]) -> Vec<(&'static str, Vec<String>)> {
            vec![$((crate::stages::$kind::show::TITLE, {
                let found = details.iter().filter_map(|detail| match detail {
                    Detail::$Kind(found) => Some(crate::stages::$kind::show::table(found)),
                    _ => None,
                });
                found.collect()
            }),)+]
        }

        /// Returns the tables in Markdown, grouped by kind.
        pub(super) fn markdown(details: &[&Detail]) -> Vec<String> {
            vec![$({
                let found = details.iter().filter_map(|detail| match detail {
                    Detail::$Kind(found) => Some(crate::stages::$kind::show::markdown(found)),
                    _ => None,
                });
                found.collect::<Vec<_>>().join("\n")
            },)+]
        }

        /// Renders the tables of the page, a section for each kind.
        pub(super) fn html(details: &[&Detail]) -> Markup {
            joined([$({
                let found = details.iter().filter_map(|detail| match detail {
                    Detail::$Kind(found) => Some(crate::stages::$kind::show::html(found)),
                    _ => None,
                });
                section(stringify!($kind), crate::stages::$kind::show::HEADING, &joined(found))
            },)+])
        }
    };
}
each_detailed_kind!(details);
