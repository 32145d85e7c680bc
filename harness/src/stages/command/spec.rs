//! Reads `[stage.command]`.

use super::work::Work;
use crate::measure::audit::Limits;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{at_least, longer_than_0};
use crate::spec::Section;
use crate::work;
use harness_base::units::Nanos;

pub(crate) const KIND: Kind =
    Kind { place: Place::Stage(read), about: "runs a command repeatedly and measures each run" };

/// The largest exit code.
const LARGEST_CODE: u64 = 255;

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    if !section.describing() && !base.is_command(section) {
        let hint = "write [target.command] with run = [\"PROGRAM\", \"ARGUMENT\"]".to_owned();
        section.mistake("", "measures a command, and the target is a server", Some(hint));
    }
    common.cpuset = section.cpuset();
    common.read_limits(section, base);
    common.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
    let runs = section.field("runs", "runs that count, one value each").check(at_least(1, "")).default(20);
    let warmup_runs = section.field("warmup_runs", "runs before them, which do not count").default(3);
    let words = ["warm", "cold"];
    let about = "page cache: warm, or cold if the program and its inputs are to be read from the disk in each run";
    let cold = section.field("cache", about).one_of(&words).default("warm".to_owned()) == "cold";
    let words = ["log", "null"];
    let about =
        "where the output goes: log, through a pipe, or null, which is /dev/null and which some programs notice";
    let logs = section.field("output", about).one_of(&words).default("log".to_owned()) == "log";
    let time_limit = section
        .field("time_limit", "a run is stopped after this time and has failed")
        .check(longer_than_0)
        .default(Nanos::from_secs(60));
    let exit_codes = section
        .field("exit_codes", "exit codes of a run that succeeded; any other is a failed run, which has no duration")
        .check(|codes: &Vec<u64>| check_codes(codes))
        .default(vec![0]);
    let failed_limit = common.audit.errors.0;
    Work { runs, warmup_runs, cold, logs, time_limit, exit_codes, failed_limit }.into()
}

fn check_codes(codes: &[u64]) -> Result<(), String> {
    match codes.iter().find(|code| **code > LARGEST_CODE) {
        _ if codes.is_empty() => Err("must name at least one exit code".to_owned()),
        Some(code) => Err(format!("{code} is not an exit code; they are 0 to {LARGEST_CODE}")),
        None => Ok(()),
    }
}
