//! What the load child costs: beside wrk and a bare hyper loop, in turn against one mock upstream, and beside a bare
//! `clock_nanosleep` loop. Started by `scripts/bench-generator`; prints a table of ratios and fails when a bound is broken.

mod bare;
mod child;
mod table;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Parser;
use harness_base::units::Nanos;

use child::Child;
use table::Table;

/// Connections in the cost rows, as in the design's table.
const CONNECTIONS: u64 = 10;

/// Measures what the load child costs.
#[derive(Parser)]
struct Args {
    /// The `harness` binary
    #[arg(long)]
    harness: PathBuf,
    /// A mock upstream that answers POST /echo
    #[arg(long)]
    upstream: SocketAddr,
    /// The `wrk` binary
    #[arg(long, default_value = "wrk")]
    wrk: PathBuf,
    /// Rounds, each of every row
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Worker threads of the load child; 0 is its default
    #[arg(long, default_value_t = 0)]
    workers: usize,
}

/// CPU time per request and rate of one run.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu_ns: f64,
    rate: f64,
}

impl Cost {
    fn new(cpu: Nanos, requests: u64, took: Nanos) -> Self {
        Self { cpu_ns: cpu.0 as f64 / requests as f64, rate: requests as f64 / took.as_secs_f64() }
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
    let body = Bytes::from(json_of_1_kib());
    let mut table = Table::default();
    let mut plain = runtime.block_on(Child::start(args, CONNECTIONS, &body, false)).context("load child")?;
    let mut checked = runtime.block_on(Child::start(args, CONNECTIONS, &body, true)).context("load child")?;
    for round in 0..args.rounds {
        table.wrk.push(bare::wrk(args, &body)?);
        table.bare.push(bare::hyper_loop(args.upstream, CONNECTIONS, args.seconds, &body)?);
        table.load.push(runtime.block_on(plain.closed_loop(args.seconds))?);
        table.checked.push(runtime.block_on(checked.closed_loop(args.seconds))?);
        table.sleep_lag.push(bare::sleep_loop(Duration::from_secs(args.seconds))?);
        table.load_lag.push(runtime.block_on(plain.lag(args.seconds))?);
        let _ = writeln!(std::io::stderr(), "round {} of {}", round + 1, args.rounds);
    }
    table.rss_at_10 = plain.rss()?;
    runtime.block_on(async {
        plain.end().await?;
        checked.end().await?;
        let mut wide = Child::start(args, 5000, &body, false).await?;
        wide.lag(args.seconds).await?;
        table.rss_at_5000 = wide.rss()?;
        wide.end().await
    })?;
    let (text, holds) = table.render();
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(holds)
}

/// An answer as MCP servers give it, padded to 1 KiB.
fn json_of_1_kib() -> String {
    let tool =
        |n: u32| format!(r#"{{"name":"tool-{n}","title":null,"inputSchema":{{"type":"object","required":["a"]}}}}"#);
    let tools: Vec<String> = (0..8).map(tool).collect();
    let open = format!(r#"{{"jsonrpc":"2.0","id":42,"result":{{"tools":[{}],"text":""#, tools.join(","));
    let padding = "x".repeat(1024 - open.len() - 3);
    format!("{open}{padding}\"}}}}")
}
