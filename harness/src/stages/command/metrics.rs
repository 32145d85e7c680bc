//! Defines the metrics of the runs of a command.

use super::derive::{counted, failed, succeeded};
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{CPU_TIME, DURATION, DURATION_TAIL, ERRORS, MEMORY, WRITTEN};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Millis, Percent};
use crate::measure::record::StageRecord;
use harness_base::units::Bytes as Size;
use harness_rig::stopwatch::TimedRun;

const DURATION_HELP: &str = "Wall time from just before the start of a command until its end was noticed.";

pub(crate) const METRICS: &[Metric] = &[
    row(
        "command/duration_p50",
        Millis,
        StageKind::Command,
        &DURATION,
        "Wall time from just before the start of a command until its end was noticed, median of the runs that succeeded. Nothing is subtracted.",
        duration,
    )
    .help(DURATION_HELP)
    .benchmark()
    .key(),
    row(
        "command/duration_p95",
        Millis,
        StageKind::Command,
        &DURATION_TAIL,
        "The same for quantile 0.95 of the runs. It has an interval from 72 runs on, and is not compared with a base: `command/duration_p50` is.",
        duration,
    )
    .help(DURATION_HELP)
    .quantile(0.95)
    .key(),
    row(
        "command/net_p50",
        Millis,
        StageKind::Command,
        &DURATION,
        "Wall time of a run less that of the empty programs that ran directly before it: what remains when start and end cost nothing.",
        net,
    ),
    row(
        "command/spawn_overhead",
        Millis,
        StageKind::Command,
        &DURATION,
        "Wall time of an empty program: what the start and the end of any program cost here. Part of `command/duration_p50`.",
        spawn,
    ),
    row(
        "cpu/command_user",
        Millis,
        StageKind::Command,
        &CPU_TIME,
        "CPU time of a run in user mode, of the command and of the children that it waited for.",
        user,
    )
    .key(),
    row(
        "cpu/command_system",
        Millis,
        StageKind::Command,
        &CPU_TIME,
        "CPU time of a run in the kernel, of the command and of the children that it waited for.",
        system,
    )
    .key(),
    row(
        "memory/command_peak_rss",
        Bytes,
        StageKind::Command,
        &MEMORY,
        "Largest resident memory of a run: that of the largest of its processes. Absent if it is not larger than that of the process which starts it.",
        peak,
    )
    .key(),
    row(
        "command/written",
        Bytes,
        StageKind::Command,
        &WRITTEN,
        "Bytes of a run that were handed to calls that write, to files, pipes and terminals alike.",
        written,
    ),
    row(
        "errors/command_percent",
        Percent,
        StageKind::Command,
        &ERRORS,
        "Runs that ended with an unexpected exit code, by a signal or beyond the time limit ÷ all undisturbed runs.",
        failed_percent,
    ),
];

pub(crate) const FACTS: &[Fact] = &[];

/// Takes one value per run that succeeded; absent if one of them has none.
fn per_run(stage: &StageRecord, why: &str, of: impl Fn(&TimedRun) -> Option<f64>) -> Values {
    let mut runs = succeeded(stage).peekable();
    if runs.peek().is_none() {
        return Err(Absent("no run succeeded".to_owned()));
    }
    runs.map(of).collect::<Option<Vec<f64>>>().ok_or_else(|| Absent(why.to_owned()))
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn duration(stage: &StageRecord) -> Values {
    per_run(stage, "", |run| Some(ms(run.wall_ns)))
}

const NO_EMPTY: &str = "no empty program could be run on this machine";

/// Returns the median of the empty programs before a run, in milliseconds.
fn empty_ms(run: &TimedRun) -> Option<f64> {
    let mut sorted = run.empty_ns.clone();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map(|middle| ms(*middle))
}

fn net(stage: &StageRecord) -> Values {
    per_run(stage, NO_EMPTY, |run| Some(ms(run.wall_ns) - empty_ms(run)?))
}

fn spawn(stage: &StageRecord) -> Values {
    per_run(stage, NO_EMPTY, empty_ms)
}

fn user(stage: &StageRecord) -> Values {
    per_run(stage, "", |run| Some(ms(run.user_ns)))
}

fn system(stage: &StageRecord) -> Values {
    per_run(stage, "", |run| Some(ms(run.system_ns)))
}

fn peak(stage: &StageRecord) -> Values {
    let floor = succeeded(stage).map(|run| run.floor_rss_bytes).max().unwrap_or(0);
    let why = format!("a run used no more than the {} of the process that starts it", Size(floor));
    per_run(stage, &why, |run| run.has_own_peak().then_some(run.max_rss_bytes as f64))
}

fn written(stage: &StageRecord) -> Values {
    per_run(stage, "the kernel does not count them", |run| run.written_bytes.map(|bytes| bytes as f64))
}

fn failed_percent(stage: &StageRecord) -> Values {
    let runs = counted(stage).count();
    let share = (runs > 0).then(|| failed(stage).len() as f64 / runs as f64 * 100.0);
    share.map(|share| vec![share]).ok_or_else(|| Absent("no undisturbed run".to_owned()))
}
