//! Defines the file that states what each node of a fleet did in each trial: its lines, and how they are written and read.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use super::trial::Build;
use harness_load::facts::Arm;
use harness_load::nodes::NodeTrial;

/// Name of the file in the folder of a run that has a line for each node and trial.
pub const FILE: &str = "nodes.jsonl";

/// The longest line in bytes, without its end. A line that is written has some 600.
pub const LONGEST: usize = 64 << 10;

/// One line: what one node did in one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeLine {
    pub stage: String,
    /// From 0 within the stage.
    pub instance: u32,
    /// From 0 within the instance.
    pub round: u32,
    pub build: Build,
    pub arm: Arm,
    pub node: NodeTrial,
}

/// A line as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLine {
    /// From 1.
    pub number: u64,
    /// Its bytes without its end.
    pub bytes: Vec<u8>,
}

/// The reason why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NodeLineError {
    #[error("line {number} cannot be read")]
    Unreadable { number: u64, source: io::Error },
    #[error("line {number} has more than {LONGEST} bytes, so it is not that of a node")]
    TooLong { number: u64 },
    #[error("line {number} is damaged")]
    Damaged { number: u64, source: serde_json::Error },
}

impl NodeLine {
    /// Formats the line as in the file, including the newline.
    ///
    /// # Errors
    /// Returns an error if a value cannot be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|json| json + "\n")
    }
}

impl RawLine {
    /// Parses the line.
    ///
    /// # Errors
    /// Returns [`NodeLineError::Damaged`].
    pub fn parse(&self) -> Result<NodeLine, NodeLineError> {
        serde_json::from_slice(&self.bytes).map_err(|source| NodeLineError::Damaged { number: self.number, source })
    }
}

/// Reads all lines of a file, of which it holds one at a time. Ends after a line that is too long.
pub fn read(input: impl BufRead) -> impl Iterator<Item = Result<NodeLine, NodeLineError>> {
    raw(input).map(|line| line.and_then(|line| line.parse()))
}

/// Reads all lines of a file without parsing them. A last line without its end was truncated when the run was killed, and is left out. Ends
/// after a line that is too long.
pub fn raw(mut input: impl BufRead) -> impl Iterator<Item = Result<RawLine, NodeLineError>> {
    let (mut number, mut is_over) = (0, false);
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        number += 1;
        let line = next(&mut input, number).transpose();
        is_over = !matches!(line, Some(Ok(_)));
        line
    })
}

/// Reads the line with this number; `None` at the end of the file.
fn next(input: &mut impl BufRead, number: u64) -> Result<Option<RawLine>, NodeLineError> {
    let mut bytes = Vec::new();
    let read = input.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut bytes);
    read.map_err(|source| NodeLineError::Unreadable { number, source })?;
    match bytes.pop() {
        Some(b'\n') => Ok(Some(RawLine { number, bytes })),
        Some(_) if bytes.len() == LONGEST => Err(NodeLineError::TooLong { number }),
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use harness_load::facts::StallTotal;
    use harness_load::latency::Lag;
    use harness_load::nodes::{NodeClock, NodeHost};
    use proptest::prelude::*;

    use super::*;

    /// Returns the line of a node whose numbers and texts are these.
    fn line(text: &str, number: u64, share: f64, has_all: bool) -> NodeLine {
        let lag = Lag { quantile: share, lag_ns: number };
        let stalls = StallTotal { span_ns: number, requests: 1, ended_after: number, errors: 0 };
        let node = NodeTrial {
            index: number,
            name: text.to_owned(),
            scheduled: number,
            sent_total: number,
            completed_in_window: number,
            errors: number,
            unsent: number,
            late: number,
            pacer_lag: has_all.then_some(lag),
            read_lag: has_all.then_some(lag),
            stalls: has_all.then_some(stalls),
            first_lag_ns: has_all.then_some(number),
            clock: NodeClock { offset_ns: number.cast_signed(), error_ns: number },
            host: NodeHost {
                cpus: share,
                cpu_ns: has_all.then_some(number),
                steal: has_all.then_some(share),
                foreign_cpu: Some(share),
                throttled: None,
            },
        };
        let (build, arm) = if has_all { (Build::Base, Arm::Direct) } else { (Build::Head, Arm::Proxied) };
        NodeLine { stage: text.to_owned(), instance: 7, round: u32::MAX, build, arm, node }
    }

    proptest! {
        #[test]
        fn lines_are_read_as_they_were_written(
            lines in prop::collection::vec((any::<String>(), any::<u64>(), 0.0_f64..1.0, any::<bool>()), 0..8)
        ) {
            let lines: Vec<NodeLine> =
                lines.iter().map(|(text, number, share, has_all)| line(text, *number, *share, *has_all)).collect();
            let file: String = lines.iter().map(|line| line.to_json().unwrap()).collect();
            let read: Vec<NodeLine> = read(file.as_bytes()).map(Result::unwrap).collect();
            prop_assert_eq!(read, lines);
        }
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number_and_a_truncated_last_one_is_left_out() {
        let whole = line("overhead", 1, 0.5, true).to_json().unwrap();
        let file = format!("{whole}{whole}{}", &whole[..whole.len() / 2]);
        assert_eq!(read(file.as_bytes()).map(Result::unwrap).count(), 2);
        let with_unknown = whole.replacen('{', "{\"more\":1,", 1);
        let twice = whole.replacen('{', "{\"round\":1,", 1);
        for wrong in [with_unknown.as_str(), &twice, "{}\n", "\n", "null\n", &whole[1..]] {
            let file = format!("{whole}{whole}{wrong}{whole}");
            let found: Vec<_> = read(file.as_bytes()).collect();
            assert_eq!(found.len(), 4, "the lines after it can be read");
            let error = found.into_iter().find_map(Result::err).unwrap();
            assert!(matches!(error, NodeLineError::Damaged { number: 3, .. }), "{wrong}: {error}");
        }
    }

    #[test]
    fn memory_is_taken_for_a_line_of_a_node_only() {
        let longest = "x".repeat(LONGEST);
        let read = |text: &str| raw(text.as_bytes()).collect::<Vec<_>>();
        let found = read(&format!("\n{longest}\n"));
        assert!(matches!(&found[..], [Ok(_), Ok(line)] if line.number == 2 && line.bytes.len() == LONGEST));
        let found = read(&format!("\n{longest}x\n\n"));
        assert!(matches!(&found[..], [Ok(_), Err(NodeLineError::TooLong { number: 2 })]), "{found:?}");
        // What the longest names in use need, each of its letters escaped.
        let names = "\u{1}".repeat(512);
        assert!(line(&names, u64::MAX, 0.1 + 0.2, true).to_json().unwrap().len() < LONGEST);
    }
}
