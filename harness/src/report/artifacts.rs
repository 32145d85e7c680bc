//! Selects the artifacts that a run writes: a default set, and further ones on request.

use std::collections::BTreeSet;

use super::{FORMATS, ReportFormat};
use harness_base::words::nearest;

/// The name that selects every artifact.
pub const ALL: &str = "all";

/// The formats that every run writes.
const DEFAULT: [&str; 7] = ["table", "markdown", "json", "bencher", "flat", "html", "perf"];

/// Selects artifacts. The default selection is written unless more are requested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// Names of formats that are written in addition to the default ones.
    further: BTreeSet<&'static str>,
}

/// A name that belongs to no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown artifact {name:?}; {hint}")]
pub struct UnknownArtifact {
    name: String,
    hint: String,
}

impl Artifacts {
    /// Selects every artifact.
    pub fn all() -> Self {
        Self { further: FORMATS.iter().map(|format| format.name()).collect() }
    }

    /// Selects the default artifacts and those with these names; `all` selects every one.
    ///
    /// # Errors
    /// Returns [`UnknownArtifact`] for the first unknown name.
    pub fn named<T: AsRef<str>>(names: &[T]) -> Result<Self, UnknownArtifact> {
        let mut artifacts = Self::default();
        for name in names.iter().map(AsRef::as_ref) {
            match super::format(name) {
                _ if name == ALL => artifacts = Self::all(),
                Some(format) => drop(artifacts.further.insert(format.name())),
                None => return Err(unknown(name)),
            }
        }
        Ok(artifacts)
    }

    /// Adds other artifacts.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.further.extend(&other.further);
        self
    }

    /// Returns the formats to write, in the order of [`FORMATS`].
    pub fn formats(&self) -> impl Iterator<Item = &'static dyn ReportFormat> {
        let chosen = |name| DEFAULT.contains(&name) || self.further.contains(name);
        FORMATS.iter().copied().filter(move |format| chosen(format.name()))
    }
}

fn unknown(name: &str) -> UnknownArtifact {
    let known = || std::iter::once(ALL).chain(FORMATS.iter().map(|format| format.name()));
    let hint = nearest(name, known()).map_or_else(
        || format!("one of {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near}?"),
    );
    UnknownArtifact { name: name.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(artifacts: &Artifacts) -> Vec<&'static str> {
        artifacts.formats().map(ReportFormat::name).collect()
    }

    #[test]
    fn a_choice_adds_to_the_default() {
        assert_eq!(names(&Artifacts::default()).len(), DEFAULT.len(), "every default is a format");
        let more = Artifacts::named(&["junit", "html"]).unwrap();
        assert_eq!(names(&more).len(), DEFAULT.len() + 1);
        assert!(names(&more).contains(&"junit"));
        assert_eq!(more.and(&Artifacts::named(&["all"]).unwrap()), Artifacts::all());
        assert_eq!(names(&Artifacts::all()).len(), FORMATS.len());
    }

    #[test]
    fn an_unknown_name_is_refused_with_a_hint() {
        let error = |name: &str| Artifacts::named(&[name]).unwrap_err().to_string();
        assert_eq!(error("junt"), "unknown artifact \"junt\"; did you mean junit?");
        assert!(error("pdf").contains("one of all, table,"), "{}", error("pdf"));
    }
}
