//! The revisions of the protocol.

/// A revision of the legacy era, which has sessions. Ordered by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Legacy {
    March2025,
    June2025,
    November2025,
}

/// The revision of the modern era, which has no sessions.
pub(super) const MODERN: &str = "2026-07-28";

/// All revisions that the server speaks, as a JSON array.
pub(super) const SUPPORTED: &str = r#"["2026-07-28","2025-11-25","2025-06-18","2025-03-26"]"#;

impl Legacy {
    const ALL: [Self; 3] = [Self::March2025, Self::June2025, Self::November2025];

    /// Returns the revision with this name, if it is one of the legacy era.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.name() == name)
    }

    /// Returns what `initialize` agrees on: the revision that the client asks for, or the newest if the server does not speak that one.
    pub(super) fn negotiated(asked: &str) -> Self {
        Self::named(asked).unwrap_or(Self::November2025)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
        }
    }

    /// Returns whether a POST request may hold several messages.
    pub(super) const fn has_batches(self) -> bool {
        matches!(self, Self::March2025)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_revision_is_agreed_on_and_an_unknown_one_becomes_the_newest_with_sessions() {
        assert_eq!(Legacy::negotiated("2025-03-26"), Legacy::March2025);
        assert_eq!(Legacy::negotiated("2025-06-18"), Legacy::June2025);
        assert_eq!(Legacy::negotiated(MODERN), Legacy::November2025);
        assert_eq!(Legacy::negotiated("1900-01-01").name(), "2025-11-25");
    }

    #[test]
    fn every_revision_is_listed_as_supported() {
        let listed: Vec<String> = serde_json::from_str(SUPPORTED).unwrap();
        let spoken: Vec<&str> = [MODERN].into_iter().chain(Legacy::ALL.iter().rev().map(|one| one.name())).collect();
        assert_eq!(listed, spoken);
    }
}
