//! A load child under measurement.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use harness::measure::{Arm, LoadFacts};
use harness_base::clock::{Mono, STAT_TICK};
use harness_base::units::{Nanos, Rate};
use harness_load::pace::Pace;
use harness_load::spec::{Body, Expect, Http2, Request};
use harness_load::{ArmAddress, Generator, Job, LoadEngine, TrialOrder};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::calls::Counter;
use super::{Args, Cost, Lag, Used, bare};

/// Discarded span of a trial.
const WARMUP: Nanos = Nanos::from_millis(300);
/// Time between the order and the trial's start.
const LEAD: Nanos = Nanos::from_millis(20);

pub(crate) struct Child {
    process: std::process::Child,
    generator: Generator,
}

impl Child {
    /// Starts one with its connections open.
    pub(crate) async fn start(
        args: &Args,
        address: SocketAddr,
        connections: u64,
        check: bool,
        http2: Option<Http2>,
    ) -> Result<Self> {
        let expect = Expect { status: Some(200), ..Expect::default() };
        let present = vec!["/result".to_owned()];
        let expect = if check { Expect { present, absent: vec!["/error".to_owned()], ..expect } } else { expect };
        let request = Request {
            name: "echo".to_owned(),
            weight: 1,
            method: "POST".to_owned(),
            path: "/echo".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            // No two bodies are the same, so that nothing can be remembered.
            body: Body::Template(super::json_of_1_kib("{{seq}}")),
            expect,
            timeout: Nanos::from_secs(10),
        };
        Self::start_with(args, address, connections, request, http2).await
    }

    /// Starts one that sends `request`, with its connections open.
    pub(crate) async fn start_with(
        args: &Args,
        address: SocketAddr,
        connections: u64,
        request: Request,
        http2: Option<Http2>,
    ) -> Result<Self> {
        let host = address.to_string();
        let (address, base_path) = (address.into(), String::new());
        let arms = vec![ArmAddress { arm: Arm::Direct, address, host, base_path, tls: None, http2, stdio: false }];
        let job = Job {
            arms,
            requests: vec![request],
            connections,
            workers: args.workers,
            seed: 1,
            stripe: None,
            packets_alone: false,
        };
        let mut process = Command::new(&args.harness)
            .arg("__load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the harness binary cannot be started")?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.context("no pipes")?;
        let mut generator = Generator::start(stdin.into(), stdout.into(), job).await?;
        let opened = generator.open(Arm::Direct).await?;
        ensure!(opened.failed == 0, "connections could not be opened: {opened:?}");
        Ok(Self { process, generator })
    }

    /// CPU time per request of a closed loop, between the window's edges: what the child does before and after (warm-up,
    /// merging and encoding histograms) is not part of sending.
    pub(crate) async fn closed_loop(&mut self, seconds: u64) -> Result<Cost> {
        let pid = self.process.id();
        let start_at = Mono::now().after(LEAD);
        let (start, end) = (start_at.after(WARMUP), start_at.after(WARMUP).after(Nanos::from_secs(seconds)));
        let edges = std::thread::spawn(move || -> Result<Used> {
            std::thread::sleep(start.remaining().duration());
            let before = used(pid)?;
            std::thread::sleep(end.remaining().duration());
            Ok(used(pid)?.since(before))
        });
        let facts = self.trial(Pace::Closed { vus: u64::MAX }, seconds, start_at).await?;
        let used = edges.join().map_err(|_| anyhow!("the thread that reads the CPU clock died"))??;
        Ok(Cost::new(used, facts.completed_in_window, Nanos(facts.window_ns)))
    }

    /// System calls per request of a closed loop; `None` if they cannot be counted.
    pub(crate) async fn calls(&mut self, seconds: u64) -> Result<Option<f64>> {
        let Some(counter) = Counter::attach(self.process.id()) else { return Ok(None) };
        let facts = self.trial(Pace::Closed { vus: u64::MAX }, seconds, Mono::now().after(LEAD)).await?;
        Ok(counter.finish().map(|calls| calls as f64 / facts.sent_total as f64))
    }

    /// Pacer lag of an open loop.
    pub(crate) async fn lag(&mut self, rate: f64, seconds: u64) -> Result<Lag> {
        let pace = Pace::constant(Rate(rate));
        let facts = self.trial(pace, seconds, Mono::now().after(LEAD)).await?;
        bare::lag(&facts.latencies.pacer_lag)
    }

    /// Median service time and read lag of an open loop.
    pub(crate) async fn latency(&mut self, rate: f64, seconds: u64) -> Result<(Nanos, Nanos)> {
        let facts = self.trial(Pace::constant(Rate(rate)), seconds, Mono::now().after(LEAD)).await?;
        let service = facts.latencies.service.quantiles().context("nothing was answered")?;
        let lags = facts.read_lag.and_then(|lag| lag.lags.quantiles()).context("the kernel stamped no answer")?;
        Ok((Nanos(service.p50_ns), Nanos(lags.p50_ns)))
    }

    async fn trial(&mut self, pace: Pace, seconds: u64, start_at: Mono) -> Result<LoadFacts> {
        let order = TrialOrder {
            arm: Arm::Direct,
            pace,
            sequence: 0,
            stripe: None,
            connections: u64::MAX,
            ramp: Nanos::ZERO,
            warmup: WARMUP,
            window: Nanos::from_secs(seconds),
            start_at,
            slice: None,
            tick: None,
            block: None,
            reconnect: None,
            requests_per_connection: None,
            lists_streams: false,
        };
        let facts = self.generator.trial(order, |_| {}).await?;
        ensure!(facts.outcomes.errors() == 0, "{}: {:?}", facts.outcomes.describe(), facts.examples);
        Ok(facts)
    }

    /// Resident memory in MiB.
    pub(crate) fn rss(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.generator.stop().await?;
        self.process.wait()?;
        Ok(())
    }
}

/// Reads the CPU clock of a process, and from /proc its user time (in ticks of 10 ms) and context switches.
fn used(pid: u32) -> Result<Used> {
    let clock = clock_gettime(ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?))?)?;
    let process = procfs::process::Process::new(i32::try_from(pid)?)?;
    // A thread can end while it is read.
    let waits = |task: procfs::ProcResult<procfs::process::Task>| task.ok()?.status().ok()?.voluntary_ctxt_switches;
    Ok(Used {
        cpu: Nanos(clock.tv_sec().unsigned_abs() * 1_000_000_000 + clock.tv_nsec().unsigned_abs()),
        user: STAT_TICK.times(process.stat()?.utime),
        waits: process.tasks()?.filter_map(waits).sum(),
    })
}
