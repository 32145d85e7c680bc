//! The report of what the sidecar really did.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

use super::calls::CallsReport;
use super::gate::Freeze;
use super::held::HeldReport;
use super::lengths::{Span, Total};
use super::sessions::SessionsReport;
use super::state::Sidecar;
use super::truth::{Truth, instant};

/// The answer of `/truth`. Instants and durations are nanoseconds of the monotonic clock; an instant that has not come yet is
/// null.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TruthReport {
    pub pid: u32,
    /// When `main` was entered.
    pub main_ns: u64,
    /// When the proxy port began to listen.
    pub listening_ns: Option<u64>,
    /// When the admin port began to answer.
    pub admin_listening_ns: Option<u64>,
    /// When `/health` began to answer 200.
    pub healthy_ns: Option<u64>,
    /// When `/ready` began to answer 200.
    pub ready_ns: Option<u64>,
    /// Connections that the proxy accepted.
    #[serde(default)]
    pub connections: u64,
    /// Requests that reached the proxy.
    pub requests: u64,
    /// Requests that were sent to the upstream.
    pub forwarded: u64,
    /// Requests answered with an injected error.
    pub errors_injected: u64,
    /// Attempts to connect to the upstream that failed.
    pub upstream_connect_failures: u64,
    pub added_request_ns: Span,
    /// Delays added before returning the response.
    pub added_response_ns: Span,
    /// From the arrival of requests to just before approval was asked for, if `--approve-via` is set.
    #[serde(default)]
    pub asked_ns: Span,
    /// From requests to their answers, if `--answer-after` is set.
    pub answered_ns: Span,
    /// Waits of requests for their turn, if `--serve-rate` or `--service-time` is set.
    #[serde(default)]
    pub queued_ns: Span,
    /// From the arrival of each chunk of an answer until it is passed on, if `--hold` is set.
    #[serde(default)]
    pub held_ns: Span,
    /// Events of answers, if a flag groups, loses, repeats or swaps them.
    #[serde(default)]
    pub events: u64,
    pub burned_cpu_ns: Total,
    /// Bytes written by `--flood-per-second`.
    pub flooded_bytes: u64,
    /// Durations of these writes, of 64 KiB or slightly less each.
    pub flood_write_ns: Span,
    /// Memory held from the start.
    pub ballast_bytes: u64,
    pub leaked_bytes: u64,
    pub leaked_fds: u64,
    /// How often the memory of `--sawtooth` was released.
    pub sawteeth: u64,
    pub freeze: Freeze,
    pub worker: WorkerReport,
    /// Evaluations of the policy, if `--policy-takes` is set.
    #[serde(default)]
    pub policy_ns: Span,
    /// How long loading the policies took, in nanoseconds; 0 without `--policy-load`.
    #[serde(default)]
    pub policy_load_ns: u64,
    /// Reloads that have begun.
    #[serde(default)]
    pub reloads: u64,
    /// MCP sessions, if `--session-memory` is set.
    #[serde(default)]
    pub sessions: SessionsReport,
    /// Connections that were closed with requests in flight at the end of the grace period after SIGTERM.
    #[serde(default)]
    pub cut_at_stop: u64,
    /// Requests with memory, if `--request-memory` is set.
    #[serde(default)]
    pub held: HeldReport,
    /// Calls of MCP tools that were repeated or answered, as flags say.
    #[serde(default)]
    pub calls: CallsReport,
}

/// The latest report of the worker process, at most 0.1 s old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WorkerReport {
    pub pid: Option<u32>,
    /// CPU time burned on purpose, by the CPU clock of its thread.
    pub burned_cpu_ns: u64,
    pub ballast_bytes: u64,
}

impl Sidecar {
    /// Reports what the sidecar has done so far.
    #[must_use]
    pub fn truth(&self) -> TruthReport {
        report(self)
    }
}

/// Returns when an admin path began to answer 200: `after` the start of `main`, but not before the port is open.
fn reached(truth: &Truth, after: Duration) -> Option<u64> {
    let open = instant(&truth.admin_listening_ns)?;
    let due = truth.main().after(Nanos::of(after)).max(Mono(open));
    Some(due.0).filter(|due| Mono::now().0 >= *due)
}

pub(crate) fn healthy(sidecar: &Sidecar) -> Option<u64> {
    reached(&sidecar.truth, sidecar.args.healthy_after)
}

pub(crate) fn ready(sidecar: &Sidecar) -> Option<u64> {
    let after = sidecar.args.ready_after;
    reached(&sidecar.truth, after).filter(|_| !sidecar.args.never_ready)
}

fn report(sidecar: &Sidecar) -> TruthReport {
    let truth = &sidecar.truth;
    let worker_pid = u32::try_from(truth.worker_pid.load(Relaxed)).unwrap_or(0);
    TruthReport {
        pid: std::process::id(),
        main_ns: truth.main().0,
        listening_ns: instant(&truth.listening_ns),
        admin_listening_ns: instant(&truth.admin_listening_ns),
        healthy_ns: healthy(sidecar),
        ready_ns: ready(sidecar),
        connections: truth.connections.load(Relaxed),
        requests: truth.requests.load(Relaxed),
        forwarded: truth.forwarded.load(Relaxed),
        errors_injected: truth.errors_injected.load(Relaxed),
        upstream_connect_failures: truth.connect_failures.load(Relaxed),
        added_request_ns: truth.added_request.span(),
        added_response_ns: truth.added_response.span(),
        asked_ns: truth.asked.span(),
        answered_ns: truth.answered.span(),
        queued_ns: truth.queued.span(),
        held_ns: truth.held.span(),
        events: truth.events.load(Relaxed),
        burned_cpu_ns: truth.burned.total(),
        flooded_bytes: truth.flooded.load(Relaxed),
        flood_write_ns: truth.flood_writes.span(),
        ballast_bytes: sidecar.leaks.ballast_bytes(),
        leaked_bytes: sidecar.leaks.bytes(),
        leaked_fds: sidecar.leaks.fds(),
        sawteeth: sidecar.leaks.sawteeth(),
        freeze: sidecar.gate.report(),
        worker: WorkerReport {
            pid: Some(worker_pid).filter(|pid| *pid > 0),
            burned_cpu_ns: truth.worker_burned_ns.load(Relaxed),
            ballast_bytes: truth.worker_ballast.load(Relaxed),
        },
        policy_ns: sidecar.policy.evaluated.span(),
        policy_load_ns: sidecar.policy.load_ns.load(Relaxed),
        reloads: sidecar.reloads.count(),
        sessions: sidecar.sessions.report(),
        cut_at_stop: truth.cut_at_stop.load(Relaxed),
        held: sidecar.held.report(),
        calls: sidecar.calls.report(),
    }
}

impl TruthReport {
    /// Formats the report in the Prometheus text format, without the values that are null.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, kind, value) in self.rows().into_iter().chain(self.sessions.rows()) {
            if let Some(value) = value {
                let name = format!("reference_sidecar_{name}");
                // Writing to a String cannot fail.
                let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
            }
        }
        text
    }

    fn rows(&self) -> [(&'static str, &'static str, Option<u64>); 46] {
        let counter = |name, value| (name, "counter", Some(value));
        let gauge = |name, value| (name, "gauge", value);
        let (request, response) = (&self.added_request_ns, &self.added_response_ns);
        [
            gauge("pid", Some(self.pid.into())),
            gauge("main_ns", Some(self.main_ns)),
            gauge("listening_ns", self.listening_ns),
            gauge("admin_listening_ns", self.admin_listening_ns),
            gauge("healthy_ns", self.healthy_ns),
            gauge("ready_ns", self.ready_ns),
            counter("connections_total", self.connections),
            counter("requests_total", self.requests),
            counter("forwarded_total", self.forwarded),
            counter("errors_injected_total", self.errors_injected),
            counter("upstream_connect_failures_total", self.upstream_connect_failures),
            counter("added_request_total", request.count),
            counter("added_request_ns_total", request.sum),
            gauge("added_request_ns_min", request.min),
            gauge("added_request_ns_max", request.max),
            counter("added_response_total", response.count),
            counter("added_response_ns_total", response.sum),
            gauge("added_response_ns_min", response.min),
            gauge("added_response_ns_max", response.max),
            counter("asked_total", self.asked_ns.count),
            counter("asked_ns_total", self.asked_ns.sum),
            counter("answered_total", self.answered_ns.count),
            counter("answered_ns_total", self.answered_ns.sum),
            counter("queued_total", self.queued_ns.count),
            counter("queued_ns_total", self.queued_ns.sum),
            gauge("queued_ns_max", self.queued_ns.max),
            counter("held_total", self.held_ns.count),
            counter("held_ns_total", self.held_ns.sum),
            counter("events_total", self.events),
            counter("burned_total", self.burned_cpu_ns.count),
            counter("burned_cpu_ns_total", self.burned_cpu_ns.sum),
            counter("flooded_bytes_total", self.flooded_bytes),
            counter("flood_write_ns_total", self.flood_write_ns.sum),
            gauge("ballast_bytes", Some(self.ballast_bytes)),
            counter("leaked_bytes_total", self.leaked_bytes),
            counter("leaked_fds_total", self.leaked_fds),
            counter("sawteeth_total", self.sawteeth),
            gauge("freeze_started_ns", self.freeze.started_ns),
            gauge("freeze_ended_ns", self.freeze.ended_ns),
            counter("worker_burned_cpu_ns_total", self.worker.burned_cpu_ns),
            gauge("worker_ballast_bytes", Some(self.worker.ballast_bytes)),
            counter("cut_at_stop_total", self.cut_at_stop),
            gauge("requests_held_most", Some(self.held.most)),
            gauge("requests_leaked", Some(self.held.leaked)),
            counter("calls_repeated_total", self.calls.repeated),
            counter("calls_answered_total", self.calls.answered),
        ]
    }
}
