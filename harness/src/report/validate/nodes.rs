//! Validates the lines of the nodes of a fleet, each against its schema and with its reader.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::faults::Compiled;
use crate::measure::node_line::{RawLine, raw};
use crate::report::schema;
use harness_base::error::chain;

/// The most faults of a file that are listed; a file of another kind has one in each line.
const MOST: usize = 1_000;

/// Lists what is wrong with a file, of which one line at a time is in memory.
pub(super) fn faults_of_file(path: &Path) -> Vec<Fault> {
    match File::open(path) {
        Ok(file) => faults(BufReader::new(file)),
        Err(error) => vec![Fault::whole(format!("it cannot be read: {error}"))],
    }
}

/// Lists what is wrong with the lines of a file.
pub(super) fn faults(input: impl BufRead) -> Vec<Fault> {
    let compiled = match Compiled::new(schema::NODES) {
        Ok(compiled) => compiled,
        Err(fault) => return vec![fault],
    };
    let lines = raw(input).flat_map(|line| match line {
        Ok(line) => of_line(&compiled, &line),
        Err(error) => vec![Fault::whole(chain(&error))],
    });
    lines.take(MOST).collect()
}

/// Lists violations of the schema; if there are none, what the reader refuses, such as a key that is there twice.
fn of_line(compiled: &Compiled, line: &RawLine) -> Vec<Fault> {
    let broken = serde_json::from_slice::<Value>(&line.bytes).map(|value| compiled.faults(&value)).unwrap_or_default();
    if broken.is_empty() {
        return line.parse().err().map(|error| Fault::whole(chain(&error))).into_iter().collect();
    }
    let place = |pointer: &str| if pointer.is_empty() { String::new() } else { format!(" {pointer}:") };
    let named =
        |fault: Fault| Fault::whole(format!("line {}:{} {}", line.number, place(&fault.pointer), fault.message));
    broken.into_iter().map(named).collect()
}
