//! Runs the loop that the load child is compared with.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use harness::measure::latency::LatencyHistogram;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use tokio::net::TcpStream;

use super::{Args, Cost, Lag, Used, calls};

/// One thread of hyper connections that send the same request again and again: no Goose, no stamps, no histograms, no check.
/// As in the load child each task drives its own connection.
pub(crate) fn hyper_loop(address: SocketAddr, connections: u64, seconds: u64, body: &Bytes) -> Result<Cost> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        for _ in 0..connections {
            tokio::spawn(user(address, body.clone(), Arc::clone(&count), Arc::clone(&stop)));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (began, used, before) = (Mono::now(), used_by(UsageWho::RUSAGE_SELF)?, count.load(Relaxed));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (used, requests) = (used_by(UsageWho::RUSAGE_SELF)?.since(used), count.load(Relaxed) - before);
        let took = Mono::now().since(began);
        stop.store(true, Relaxed);
        ensure!(requests > 0, "the bare loop got no answer");
        Ok(Cost::new(used, requests, took))
    })
}

async fn user(address: SocketAddr, body: Bytes, count: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, mut driver) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post("/echo")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    while !stop.load(Relaxed) {
        let response = driven(&mut driver, sender.send_request(request.clone())).await?;
        let mut body = response.into_body();
        while !hyper::body::Body::is_end_stream(&body) {
            let Some(frame) = driven(&mut driver, body.frame()).await else { break };
            frame?;
        }
        count.fetch_add(1, Relaxed);
    }
    Ok(())
}

async fn driven<T>(driver: &mut (impl Future + Unpin), wanted: impl Future<Output = T>) -> T {
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|cx: &mut Task<'_>| -> Poll<T> {
        let _ = Pin::new(&mut *driver).poll(cx);
        wanted.as_mut().poll(cx)
    })
    .await
}

/// wrk with one thread; its CPU time is that of the children we have waited for.
pub(crate) fn wrk(args: &Args, address: SocketAddr, connections: u64, body: &Bytes) -> Result<Cost> {
    let before = used_by(UsageWho::RUSAGE_CHILDREN)?;
    let (requests, took, _) = run_wrk(Command::new(&args.wrk), args, address, connections, body)?;
    Ok(Cost::new(used_by(UsageWho::RUSAGE_CHILDREN)?.since(before), requests, took))
}

/// System calls of wrk per request; `None` if they cannot be counted.
pub(crate) fn calls_of_wrk(args: &Args, address: SocketAddr, connections: u64, body: &Bytes) -> Option<f64> {
    let Ok((requests, _, printed)) = run_wrk(calls::counted(&args.wrk), args, address, connections, body) else {
        return None;
    };
    calls::count(&printed).filter(|_| requests > 0).map(|calls| calls as f64 / requests as f64)
}

/// Runs wrk by `command`. Returns the number of requests, the time, and what was printed to stderr.
fn run_wrk(
    mut command: Command,
    args: &Args,
    address: SocketAddr,
    connections: u64,
    body: &Bytes,
) -> Result<(u64, Nanos, Vec<u8>)> {
    let script = std::env::temp_dir().join(format!("bench-generator-{}.lua", std::process::id()));
    let text = std::str::from_utf8(body)?;
    std::fs::write(
        &script,
        format!("wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [==[{text}]==]\n"),
    )?;
    let output = command
        .args(["-t1", &format!("-c{connections}"), &format!("-d{}s", args.seconds), "-s"])
        .arg(&script)
        .arg(format!("http://{address}/echo"))
        .output();
    std::fs::remove_file(&script)?;
    let output = output.context("wrk cannot be started: apt-get install wrk")?;
    let message = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && !message.contains("Non-2xx"), "wrk failed: {message}");
    // "120345 requests in 1.10s, 148.22MB read": wrk runs a little longer than it is asked to.
    let words: Vec<&str> = message.split_whitespace().collect();
    let printed = words.windows(4).find(|words| words[1..3] == ["requests", "in"]);
    let printed = printed.with_context(|| format!("wrk printed no number of requests: {message}"))?;
    let seconds: f64 = printed[3].trim_end_matches("s,").parse().context("wrk printed no time in seconds")?;
    Ok((printed[0].parse()?, Nanos((seconds * 1e9) as u64), output.stderr))
}

pub(crate) fn used_by(who: UsageWho) -> Result<Used> {
    let usage = getrusage(who)?;
    let span = |time: nix::sys::time::TimeVal| Nanos::from_micros(time.num_microseconds().unsigned_abs());
    let (user, system) = (span(usage.user_time()), span(usage.system_time()));
    Ok(Used { cpu: user.plus(system), user, waits: usage.voluntary_context_switches().unsigned_abs() })
}

/// A thread that does nothing but sleep until the next request would be due: the least lag this host allows.
pub(crate) fn sleep_loop(rate: f64, length: Duration) -> Result<Lag> {
    let mut lags = LatencyHistogram::default();
    let start = Mono::now();
    for tick in 1..=(rate * length.as_secs_f64()) as u64 {
        let due = start.after(Nanos((tick as f64 / rate * 1e9) as u64));
        let until = TimeSpec::nanoseconds(i64::try_from(due.0)?);
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &until)?;
        lags.record(Mono::now().since(due));
    }
    lag(&lags)
}

/// The quantiles that are compared.
pub(crate) fn lag(lags: &LatencyHistogram) -> Result<Lag> {
    let quantiles = lags.quantiles().context("nothing was paced")?;
    Ok(Lag { p50: Nanos(quantiles.p50_ns), p99: Nanos(quantiles.p99_ns) })
}
