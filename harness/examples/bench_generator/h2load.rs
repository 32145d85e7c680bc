//! Measures the cost of the load child over HTTP/2 beside h2load.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use harness_base::units::Nanos;
use harness_load::spec::Http2;
use nix::sys::resource::UsageWho;

use super::child::Child;
use super::table::{cpu, rate, ratio};
use super::{Args, Cost, bare, note};

/// Connections, and streams on each.
const SHAPES: [(u64, u64); 3] = [(10, 1), (64, 1), (8, 8)];

/// The costs of one shape, one entry per round.
pub(crate) struct Rows {
    connections: u64,
    streams: u64,
    h2load: Vec<Cost>,
    load: Vec<Cost>,
}

/// Measures every shape in turns, with prior knowledge.
pub(crate) async fn measure(args: &Args, body: &Bytes) -> Result<Vec<Rows>> {
    let mut all = Vec::new();
    for (connections, streams) in SHAPES {
        let http2 = Some(Http2 { streams, ..Http2::default() });
        let mut child = Child::start(args, args.upstream, connections * streams, false, http2).await?;
        let mut rows = Rows { connections, streams, h2load: Vec::new(), load: Vec::new() };
        for round in 0..args.rounds {
            rows.h2load.push(h2load(args, (connections, streams), body)?);
            rows.load.push(child.closed_loop(args.seconds).await?);
            note(&format!("HTTP/2, {connections} × {streams}: round {} of {}", round + 1, args.rounds));
        }
        child.end().await?;
        all.push(rows);
    }
    Ok(all)
}

/// Returns the table in Markdown, and the ratios of CPU per request with their names.
pub(crate) fn render(all: &[Rows]) -> (String, Vec<(String, f64)>) {
    let mut text = String::from(
        "\n| HTTP/2: connections × streams | CPU per request, ÷ h2load | rate, ÷ h2load | CPU, µs | user, µs |\n|---:|---:|---:|---:|---:|\n",
    );
    let mut ratios = Vec::new();
    for Rows { connections, streams, h2load, load } in all {
        let cost = ratio(load, h2load, cpu);
        let mean = |of: fn(&Cost) -> f64| load.iter().map(of).sum::<f64>() / load.len() as f64 / 1e3;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {connections} × {streams} | {cost:.2} | {:.2} | {:.1} | {:.1} |",
            ratio(load, h2load, rate),
            mean(|cost| cost.cpu_ns),
            mean(|cost| cost.user_ns),
        );
        ratios.push((format!("HTTP/2, CPU per request ÷ h2load, {connections} × {streams}"), cost));
    }
    (text, ratios)
}

/// h2load with one thread; its CPU time is that of the children we have waited for.
fn h2load(args: &Args, (connections, streams): (u64, u64), body: &Bytes) -> Result<Cost> {
    let file = std::env::temp_dir().join(format!("bench-generator-{}.json", std::process::id()));
    std::fs::write(&file, body)?;
    let before = bare::used_by(UsageWho::RUSAGE_CHILDREN)?;
    let output = Command::new(&args.h2load)
        .args(["-t1", &format!("-c{connections}"), &format!("-m{streams}"), &format!("-D{}", args.seconds), "-d"])
        .arg(&file)
        .args(["-H", "content-type: application/json"])
        .arg(format!("http://{}/echo", args.upstream))
        .output();
    std::fs::remove_file(&file)?;
    let output = output.context("h2load cannot be started: apt-get install nghttp2-client")?;
    let used = bare::used_by(UsageWho::RUSAGE_CHILDREN)?.since(before);
    let message = String::from_utf8_lossy(&output.stdout).into_owned();
    // "requests: 43215 total, 43225 started, 43215 done, 43215 succeeded, 0 failed, 0 errored, 0 timeout"
    let line = message.lines().find_map(|line| line.strip_prefix("requests: "));
    let count = |word: &str| {
        let count = line?.split(", ").find_map(|part| part.strip_suffix(word))?;
        count.trim().parse::<u64>().ok()
    };
    let counts = count("succeeded").zip(count("failed"));
    let (succeeded, failed) = counts.with_context(|| format!("h2load printed no number of requests: {message}"))?;
    ensure!(output.status.success() && failed == 0 && succeeded > 0, "h2load failed: {message}");
    Ok(Cost::new(used, succeeded, Nanos::from_secs(args.seconds)))
}
