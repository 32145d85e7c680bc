//! Renders a comparison as text, as JSON, and as annotations for GitHub Actions.

use serde::Serialize;

use super::Error;
use super::text::wrap;
use crate::verdict::compare::{Comparison, Pair, Rule};
use crate::verdict::judgement::{FindingKind, counted};
#[cfg(feature = "schema")]
use harness_base::exit::Exit;
use harness_base::workflow::{Commands, Level};

const WIDTH: usize = 80;

/// Renders one sentence per finding, 80 columns wide.
pub fn table(comparison: &Comparison) -> String {
    let mut text = wrap(&headline(comparison), WIDTH, "", "  ");
    for pair in &comparison.pairs {
        text.push('\n');
        text.push_str(&of_pair(pair));
    }
    text
}

/// Formats the verdict as one sentence.
pub fn headline(comparison: &Comparison) -> String {
    let word = comparison.exit.word();
    match comparison.reasons.first() {
        Some(reason) => format!("{word}: {reason}"),
        None => format!("{word}: {}", tally(comparison.pairs.iter())),
    }
}

/// Renders the comparison as JSON, ending in a newline.
///
/// # Errors
/// Returns [`Error::NoJson`] if a value has no JSON form.
pub fn json(comparison: &Comparison) -> Result<String, Error> {
    let document = Document {
        schema_version: 1,
        verdict: comparison.exit.word(),
        exit_code: comparison.exit.code(),
        headline: headline(comparison),
        rule: comparison.rule,
        reasons: &comparison.reasons,
        pairs: &comparison.pairs,
    };
    super::pretty("compare", &document).map(|json| String::from_utf8_lossy(&json).into_owned())
}

/// Formats `::error::` for failures and `::warning::` for other relevant findings; empty if there are none.
pub fn annotations(comparison: &Comparison) -> Commands {
    let mut commands = Commands::default();
    for pair in &comparison.pairs {
        for problem in &pair.problems {
            commands.annotate(Level::Error, "", &problem.message);
        }
        for change in &pair.changes {
            if matches!(change.finding, FindingKind::Block | FindingKind::Alert | FindingKind::Inconclusive) {
                let message = format!("{}: {}", change.finding.word(), change.message);
                commands.annotate(Level::Warning, "", &message);
            }
        }
    }
    commands
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Document<'a> {
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    schema_version: u32,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = EXITS.map(Exit::word))))]
    verdict: &'static str,
    #[cfg_attr(feature = "schema", schemars(extend("enum" = EXITS.map(Exit::code))))]
    exit_code: u8,
    headline: String,
    rule: Rule,
    reasons: &'a [String],
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pairs: &'a [Pair],
}

/// The result of a comparison.
#[cfg(feature = "schema")]
const EXITS: [Exit; 4] = [Exit::Pass, Exit::InvalidInput, Exit::Regressed, Exit::Invalid];

fn of_pair(pair: &Pair) -> String {
    let mut text = wrap(&format!("{} → {}", pair.base, pair.head), WIDTH, "", "  ");
    if let (Some(layout), Some(evidence)) = (pair.layout, &pair.evidence) {
        let about = format!("{}; {evidence}; {}", layout.word(), tally(std::iter::once(pair)));
        text.push_str(&wrap(&about, WIDTH, "  ", "  "));
    }
    let mut line =
        |word: &str, message: &str| text.push_str(&wrap(message, WIDTH, &format!("  {word:<13}"), &" ".repeat(15)));
    pair.notes.iter().for_each(|note| line("note", note));
    pair.problems.iter().for_each(|problem| line("error", &problem.message));
    pair.changes.iter().for_each(|change| line(change.finding.word(), &change.message));
    text
}

/// Counts findings: `15 numbers: 1 block, 14 ok`.
fn tally<'a>(pairs: impl Iterator<Item = &'a Pair>) -> String {
    let changes: Vec<FindingKind> = pairs.flat_map(|pair| &pair.changes).map(|change| change.finding).collect();
    let of_kind = |kind: FindingKind| {
        let n = changes.iter().filter(|found| **found == kind).count();
        (n > 0).then(|| format!("{n} {}", kind.word()))
    };
    let parts: Vec<String> = FindingKind::ALL.into_iter().filter_map(of_kind).collect();
    if parts.is_empty() {
        "no number".to_owned()
    } else {
        format!("{}: {}", counted(changes.len(), "number"), parts.join(", "))
    }
}
