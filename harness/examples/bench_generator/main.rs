//! Measures the cost of the load child: beside wrk, h2load and a bare hyper loop, in turn against one mock upstream, and beside a bare
//! `clock_nanosleep` loop. Started by `scripts/bench-generator`; prints a table of ratios and fails when a bound is exceeded.

mod agents;
mod bare;
mod calls;
mod child;
mod epoll;
mod h2load;
mod stamp;
mod table;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use harness_base::units::Nanos;
use nix::sys::resource::{Resource, getrlimit};

use child::Child;
use table::{Added, Capacity, Rows, Table};

/// The numbers of connections in the cost rows.
const CONNECTIONS: [u64; 3] = [10, 64, 256];
/// Further ones, which have no bound, in at most [`FEW`] rounds.
const MANY_CONNECTIONS: [u64; 2] = [1_000, 10_000];
const FEW: usize = 5;
/// Descriptors that are not of connections.
const SPARE: u64 = 1_000;
/// More connections than this leave no outgoing port for all rows at the same time, so only wrk and the load child are measured.
const MOST_FOR_ALL: u64 = 5_000;
/// The rates in the pacing rows.
const RATES: [f64; 2] = [1_000.0, 20_000.0];

/// Measures what the load child costs.
#[derive(Parser)]
struct Args {
    /// The `harness` binary
    #[arg(long)]
    harness: PathBuf,
    /// A mock upstream that answers POST /echo, and is an MCP server
    #[arg(long)]
    upstream: SocketAddr,
    /// A proxy in front of that upstream, as NAME=ADDRESS, whose capacity is found; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS")]
    target: Vec<String>,
    /// The `wrk` binary
    #[arg(long, default_value = "wrk")]
    wrk: PathBuf,
    /// The `h2load` binary
    #[arg(long, default_value = "h2load")]
    h2load: PathBuf,
    /// Rounds, each of every row
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Worker threads of the load child; 0 is its default
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// A part to measure; may be repeated. Without it, all are measured
    #[arg(long, value_enum)]
    part: Vec<Part>,
}

/// The subject of one table of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Cost,
    Pacing,
    Added,
    Stamp,
    Capacity,
    Http2,
    Agents,
}

impl Args {
    fn wants(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

/// The cost of one run per request, and its rate.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu_ns: f64,
    user_ns: f64,
    /// How often the process waited for something.
    waits: f64,
    rate: f64,
}

impl Cost {
    fn new(used: Used, requests: u64, took: Nanos) -> Self {
        let per = |total: u64| total as f64 / requests as f64;
        let rate = requests as f64 / took.as_secs_f64();
        Self { cpu_ns: per(used.cpu.0), user_ns: per(used.user.0), waits: per(used.waits), rate }
    }
}

/// The resources that a process has used.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    cpu: Nanos,
    user: Nanos,
    /// Voluntary context switches.
    waits: u64,
}

impl Used {
    fn since(self, before: Self) -> Self {
        let waits = self.waits.saturating_sub(before.waits);
        Self { cpu: self.cpu.minus(before.cpu), user: self.user.minus(before.user), waits }
    }
}

/// Quantiles of a pacing loop.
#[derive(Debug, Clone, Copy)]
struct Lag {
    p50: Nanos,
    p99: Nanos,
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench_generator: {error:#}");
            ExitCode::from(4)
        }
    }
}

fn measure(args: &Args) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = Bytes::from(json_of_1_kib("42"));
    let mut table = Table::default();
    if args.wants(Part::Cost) {
        runtime.block_on(all_costs(args, &mut table, &body))?;
    }
    if args.wants(Part::Pacing) {
        runtime.block_on(pacing(args, &mut table))?;
    }
    if args.wants(Part::Added) {
        runtime.block_on(added(args, &mut table, &body))?;
    }
    if args.wants(Part::Stamp) {
        table.stamp = Some(stamp::cost()?);
    }
    for target in args.target.iter().filter(|_| args.wants(Part::Capacity)) {
        table.capacities.push(runtime.block_on(capacity(args, target, &body))?);
    }
    if args.wants(Part::Http2) {
        table.http2 = runtime.block_on(h2load::measure(args, &body))?;
    }
    if args.wants(Part::Agents) {
        table.agents = runtime.block_on(agents::measure(args))?;
    }
    let (text, holds) = table.render();
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(holds)
}

/// Measures the costs with every number of connections.
async fn all_costs(args: &Args, table: &mut Table, body: &Bytes) -> Result<()> {
    for connections in CONNECTIONS {
        table.costs.push((connections, costs(args, connections, args.rounds, body).await?));
    }
    // Two generators share the descriptors of the upstream, and the load child needs two for each connection.
    let (_, descriptors) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let most = descriptors.saturating_sub(SPARE) / 2;
    for connections in MANY_CONNECTIONS.map(|connections| connections.min(most)) {
        let rounds = args.rounds.min(FEW);
        table.more_costs.push((connections, costs(args, connections, rounds, body).await?));
    }
    Ok(())
}

/// Measures the costs of every row with one number of connections, in turns.
async fn costs(args: &Args, connections: u64, rounds: usize, body: &Bytes) -> Result<Rows> {
    let mut rows = Rows::default();
    let mut plain = Child::start(args, args.upstream, connections, false, None).await.context("load child")?;
    let mut checked = match connections {
        ..=MOST_FOR_ALL => {
            Some(Child::start(args, args.upstream, connections, true, None).await.context("load child")?)
        }
        _ => None,
    };
    for round in 0..rounds {
        // With thousands of connections, wrk may complete no request.
        rows.wrk.extend(Some(bare::wrk(args, args.upstream, connections, body)?).filter(|cost| cost.rate > 0.0));
        rows.load.push(plain.closed_loop(args.seconds).await?);
        if let Some(checked) = &mut checked {
            rows.checked.push(checked.closed_loop(args.seconds).await?);
            let (upstream, seconds, body) = (args.upstream, args.seconds, body.clone());
            let bare = move || bare::hyper_loop(upstream, connections, seconds, &body);
            rows.bare.push(tokio::task::spawn_blocking(bare).await??);
        }
        note(&format!("{connections} connections: round {} of {rounds}", round + 1));
    }
    rows.rss = plain.rss()?;
    rows.calls.push(bare::calls_of_wrk(args, args.upstream, connections, body));
    rows.calls.push(plain.calls(args.seconds).await?);
    plain.end().await?;
    if let Some(mut checked) = checked {
        rows.calls.push(checked.calls(args.seconds).await?);
        checked.end().await?;
    }
    Ok(rows)
}

/// Measures the latency as the load child, a bare epoll loop and the kernel see it, in turns.
async fn added(args: &Args, table: &mut Table, body: &Bytes) -> Result<()> {
    let mut child = Child::start(args, args.upstream, CONNECTIONS[0], false, None).await?;
    for rate in RATES {
        let mut rounds = Vec::new();
        for round in 0..args.rounds {
            let bare = epoll::latency(args.upstream, rate, CONNECTIONS[0], args.seconds, body)?;
            let (service, read_lag) = child.latency(rate, args.seconds).await?;
            rounds.push(Added { service, read_lag, bare });
            note(&format!("latency at {rate}/s: round {} of {}", round + 1, args.rounds));
        }
        table.added.push((rate, rounds));
    }
    child.end().await
}

/// Measures how late requests are released.
async fn pacing(args: &Args, table: &mut Table) -> Result<()> {
    let mut child = Child::start(args, args.upstream, CONNECTIONS[0], false, None).await?;
    for rate in RATES {
        let mut lags = Vec::new();
        for round in 0..args.rounds {
            let bare = bare::sleep_loop(rate, Duration::from_secs(args.seconds))?;
            lags.push((child.lag(rate, args.seconds).await?, bare));
            note(&format!("{rate}/s: round {} of {}", round + 1, args.rounds));
        }
        table.lags.push((rate, lags));
    }
    child.end().await
}

/// Finds the capacity of a proxy with wrk and with the load child, in turns.
async fn capacity(args: &Args, target: &str, body: &Bytes) -> Result<Capacity> {
    let (name, address) = target.split_once('=').context("a target is NAME=ADDRESS")?;
    let address = address.parse()?;
    let mut child = Child::start(args, address, CONNECTIONS[0], true, None).await?;
    let mut rates = Vec::new();
    for round in 0..args.rounds {
        let wrk = bare::wrk(args, address, CONNECTIONS[0], body)?;
        rates.push((child.closed_loop(args.seconds).await?.rate, wrk.rate));
        note(&format!("{name}: round {} of {}", round + 1, args.rounds));
    }
    child.end().await?;
    Ok(Capacity { name: name.to_owned(), rates })
}

fn note(text: &str) {
    // Progress that cannot be shown is not needed.
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// An answer as MCP servers give it, padded to 1 KiB.
fn json_of_1_kib(id: &str) -> String {
    let tool =
        |n: u32| format!(r#"{{"name":"tool-{n}","title":null,"inputSchema":{{"type":"object","required":["a"]}}}}"#);
    let tools: Vec<String> = (0..8).map(tool).collect();
    let open = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{}],"text":""#, tools.join(","));
    let padding = "x".repeat(1024 - open.len() - 3);
    format!("{open}{padding}\"}}}}")
}
