//! The process that measures one run.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use procfs::process::{Io, Process};

use super::report::{Report, TimedRun};
use crate::launch::Ending;
use harness_base::clock::{Mono, process_cpu};
use harness_base::exit::Exit;

/// The word for no empty program, and for output that goes to the log.
pub(crate) const NONE: &str = "-";
pub(crate) const LOG: &str = "log";

/// The arguments behind the name of the hidden command.
struct Request<'a> {
    /// The empty program, and how often it runs.
    empty: Option<(&'a OsString, u32)>,
    /// Whether the output of the command goes to the log, which is the stderr of the stopwatch.
    logs: bool,
    program: &'a OsString,
    arguments: &'a [OsString],
}

/// The entry point: `EMPTY|- COUNT log|null PROGRAM ARGUMENT…`. Prints a [`Report`].
pub fn main(arguments: &[OsString]) -> ExitCode {
    let Some(request) = Request::read(arguments) else { return Exit::Usage.code().into() };
    let report = match request.run() {
        Ok(run) => Report::Ended(Box::new(run)),
        Err(error) => Report::NotStarted(error.to_string()),
    };
    let printed = serde_json::to_vec(&report).map_err(io::Error::other);
    match printed.and_then(|text| io::stdout().write_all(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => Exit::Usage.code().into(),
    }
}

impl<'a> Request<'a> {
    fn read(arguments: &'a [OsString]) -> Option<Self> {
        let [empty, count, output, program, arguments @ ..] = arguments else { return None };
        let count = count.to_str()?.parse().ok()?;
        let empty = (empty != NONE).then_some((empty, count));
        Some(Self { empty, logs: output == LOG, program, arguments })
    }

    fn run(&self) -> io::Result<TimedRun> {
        let mut command = Command::new(self.program);
        command.args(self.arguments).stdin(Stdio::null());
        let (stdout, stderr) = (self.output()?, self.output()?);
        command.stdout(stdout).stderr(stderr);
        let empty_ns = self.empty.map_or_else(Vec::new, |(program, count)| empties(program, count));
        let before = Counters::now()?;
        let (begun, wall_ns, status) = timed(&mut command)?;
        let after = Counters::now()?;
        let since = |of: fn(&Usage) -> TimeVal| nanos(of(&after.children)).saturating_sub(nanos(of(&before.children)));
        let bytes = |of: fn(&Io) -> u64| Some(of(after.io.as_ref()?).saturating_sub(of(before.io.as_ref()?)));
        let empty_cpu = nanos(before.children.user_time()) + nanos(before.children.system_time());
        Ok(TimedRun {
            begun,
            wall_ns,
            user_ns: since(Usage::user_time),
            system_ns: since(Usage::system_time),
            max_rss_bytes: peak(&after.children).max(before.own_peak),
            floor_rss_bytes: peak(&before.children).max(before.own_peak),
            written_bytes: bytes(|io| io.wchar),
            fetched_bytes: bytes(|io| io.read_bytes),
            stored_bytes: bytes(|io| io.write_bytes),
            stalled_ns: after.waited_ns.zip(before.waited_ns).map(|(after, before)| after.saturating_sub(before)),
            ending: ending(status),
            empty_ns,
            stopwatch_cpu_ns: process_cpu().0 + empty_cpu,
        })
    }

    /// Returns where the command prints.
    fn output(&self) -> io::Result<Stdio> {
        Ok(if self.logs { Stdio::from(io::stderr().as_fd().try_clone_to_owned()?) } else { Stdio::null() })
    }
}

/// Runs the empty program `count` times, and returns the wall times in nanoseconds; empty if it cannot be run.
fn empties(program: &OsString, count: u32) -> Vec<u64> {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let run = |_| timed(&mut command).ok().filter(|(_, _, status)| status.success()).map(|(_, wall_ns, _)| wall_ns);
    (0..count).map(run).collect::<Option<Vec<u64>>>().unwrap_or_default()
}

/// Starts a command and waits for its end. Returns the instant just before the start, the time until the end was noticed in nanoseconds,
/// and how it ended.
fn timed(command: &mut Command) -> io::Result<(Mono, u64, ExitStatus)> {
    let begun = Mono::now();
    let status = command.spawn()?.wait()?;
    Ok((begun, Mono::now().since(begun).0, status))
}

/// The present counts of the kernel.
struct Counters {
    /// All children that ended.
    children: Usage,
    /// This process and those children.
    io: Option<Io>,
    waited_ns: Option<u64>,
    /// Peak memory of this process in bytes, which a child has before it executes its program.
    own_peak: u64,
}

impl Counters {
    fn now() -> io::Result<Self> {
        let own = Process::myself().ok();
        Ok(Self {
            children: getrusage(UsageWho::RUSAGE_CHILDREN)?,
            io: own.as_ref().and_then(|own| own.io().ok()),
            waited_ns: own.and_then(|own| own.schedstat().ok()).map(|stat| stat.run_delay),
            own_peak: peak(&getrusage(UsageWho::RUSAGE_SELF)?),
        })
    }
}

/// Returns the peak memory in bytes; the kernel reports KiB.
fn peak(usage: &Usage) -> u64 {
    usage.max_rss().unsigned_abs() * 1024
}

fn nanos(time: TimeVal) -> u64 {
    time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_usec().unsigned_abs() * 1_000
}

fn ending(status: ExitStatus) -> Ending {
    let signal = status.signal().map(Ending::Signal);
    status.code().map(Ending::Code).or(signal).unwrap_or(Ending::Unknown)
}
