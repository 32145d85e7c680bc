//! Defines the metrics of agents: over all their requests, and by method.

use std::sync::LazyLock;

use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{CPU_TIME, ERRORS, LATENCY, LATENCY_TAIL, MEMORY, OVERHEAD};
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Micros, Millis, Percent};
use crate::measure::metric::values::{
    error_percent, load_rss, per_round, proxied, quantile_ms, response, response_ms, response_of,
};
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use harness_load::facts::Arm;
use harness_load::latency::LatencyHistogram;
use harness_load::mcp::method::Method;

const RESPONSE: &str = "Response time (last byte − intended start) of the requests of agents through the target.";
const CALL: &str = "Response time of tools/call through the target.";
const DIFFERENCE: &str = "Difference of the quantiles of the response time, proxied − direct.";

pub(crate) const METRICS: &[Metric] = &[
    row("latency/mcp_p50", Millis, StageKind::Mcp, &LATENCY, "Response time (last byte − intended start) of all requests of agents through the target, quantile 0.5; in a closed loop, the service time.", |stage| response(stage, 0.5)).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.5)),
    row("latency/mcp_p95", Millis, StageKind::Mcp, &LATENCY, "The same for quantile 0.95.", |stage| response(stage, 0.95)).pooled(0.95, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.95)),
    row("latency/mcp_p99", Millis, StageKind::Mcp, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| response(stage, 0.99)).pooled(0.99, response_of).help(RESPONSE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("latency/tools_call_p50", Millis, StageKind::Mcp, &LATENCY, "Response time of `tools/call` through the target, quantile 0.5. That of an answer by events ends with its last event.", |stage| method(stage, Method::ToolsCall, 0.5)).key().benchmark().help(CALL).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.5)),
    row("latency/tools_call_p95", Millis, StageKind::Mcp, &LATENCY, "The same for quantile 0.95.", |stage| method(stage, Method::ToolsCall, 0.95)).pooled(0.95, call_of).help(CALL).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.95)),
    row("latency/tools_call_p99", Millis, StageKind::Mcp, &LATENCY_TAIL, "The same for quantile 0.99.", |stage| method(stage, Method::ToolsCall, 0.99)).key().pooled(0.99, call_of).help(CALL).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.99)).tail(),
    row("latency/tools_list_p50", Millis, StageKind::Mcp, &LATENCY, "Response time of `tools/list` through the target, quantile 0.5.", |stage| method(stage, Method::ToolsList, 0.5)).by_arm(|trial| method_ms(trial, Method::ToolsList, 0.5)),
    row("latency/initialize_p50", Millis, StageKind::Mcp, &LATENCY, "Response time of `initialize`, which opens a session, through the target, quantile 0.5. Absent in a revision without sessions.", |stage| method(stage, Method::Initialize, 0.5)).by_arm(|trial| method_ms(trial, Method::Initialize, 0.5)),
    row("latency/discover_p50", Millis, StageKind::Mcp, &LATENCY, "Response time of `server/discover` through the target, quantile 0.5. Absent in a revision with sessions.", |stage| method(stage, Method::Discover, 0.5)).by_arm(|trial| method_ms(trial, Method::Discover, 0.5)),
    row("overhead/mcp_p50", Millis, StageKind::Mcp, &OVERHEAD, "p50(proxied) − p50(direct) of the response time of all requests of agents in a round.", |stage| overhead(stage, None, 0.5)).key().help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.5)),
    row("overhead/mcp_p99", Millis, StageKind::Mcp, &OVERHEAD, "The same for quantile 0.99.", |stage| overhead(stage, None, 0.99)).pooled_difference(0.99, response_of).help(DIFFERENCE).by_arm(|trial| response_ms(trial, 0.99)).tail(),
    row("overhead/tools_call_p50", Millis, StageKind::Mcp, &OVERHEAD, "p50(proxied) − p50(direct) of the response time of `tools/call` in a round.", |stage| overhead(stage, Some(Method::ToolsCall), 0.5)).key().help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.5)),
    row("overhead/tools_call_p95", Millis, StageKind::Mcp, &OVERHEAD, "The same for quantile 0.95.", |stage| overhead(stage, Some(Method::ToolsCall), 0.95)).pooled_difference(0.95, call_of).help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.95)),
    row("overhead/tools_call_p99", Millis, StageKind::Mcp, &OVERHEAD, "The same for quantile 0.99.", |stage| overhead(stage, Some(Method::ToolsCall), 0.99)).key().pooled_difference(0.99, call_of).help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::ToolsCall, 0.99)).tail(),
    row("overhead/tools_list_p50", Millis, StageKind::Mcp, &OVERHEAD, "p50(proxied) − p50(direct) of the response time of `tools/list` in a round.", |stage| overhead(stage, Some(Method::ToolsList), 0.5)).help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::ToolsList, 0.5)),
    row("overhead/initialize_p50", Millis, StageKind::Mcp, &OVERHEAD, "p50(proxied) − p50(direct) of the response time of `initialize` in a round.", |stage| overhead(stage, Some(Method::Initialize), 0.5)).help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::Initialize, 0.5)),
    row("overhead/discover_p50", Millis, StageKind::Mcp, &OVERHEAD, "p50(proxied) − p50(direct) of the response time of `server/discover` in a round.", |stage| overhead(stage, Some(Method::Discover), 0.5)).help(DIFFERENCE).by_arm(|trial| method_ms(trial, Method::Discover, 0.5)),
    row("cpu/us_per_message", Micros, StageKind::Mcp, &CPU_TIME, "CPU time of the target in a window ÷ requests of agents completed in it.", cpu_per_message).key(),
    row("memory/mcp_rss", Bytes, StageKind::Mcp, &MEMORY, "Median resident memory of the target in the windows of the proxied arm. PSS for a tree of several processes.", load_rss),
    row("errors/mcp_percent", Percent, StageKind::Mcp, &ERRORS, "Requests of agents through the target that failed ÷ requests of all valid rounds. A wrong answer, for example one with `isError`, has failed.", error_percent).exact(),
];

pub(crate) const FACTS: &[Fact] = &[];

const NO_DIRECT: &str = "no direct arm: the scenario has no upstream";

const NOT_IN_ROUND: &str =
    "a round had no valid answer to this method; raise `rate`, lengthen `window` or lower `calls`";

static EMPTY: LazyLock<LatencyHistogram> = LazyLock::new(LatencyHistogram::default);

/// Returns the response times of one method.
fn times(trial: &TrialRecord, method: Method) -> &LatencyHistogram {
    let found = trial.load.mcp.as_deref().and_then(|mcp| mcp.methods.get(&method));
    found.map_or(&EMPTY, |facts| &facts.response)
}

fn call_of(trial: &TrialRecord) -> &LatencyHistogram {
    times(trial, Method::ToolsCall)
}

fn method_ms(trial: &TrialRecord, method: Method, q: f64) -> Option<f64> {
    quantile_ms(times(trial, method), q)
}

/// Returns why a method has no values.
fn absence(stage: &StageRecord, method: Method) -> &'static str {
    let sent = |trial: &TrialRecord| trial.load.mcp.as_deref().is_some_and(|mcp| mcp.methods.contains_key(&method));
    let is_sent = stage.valid_rounds().flat_map(|round| &round.trials).any(sent);
    if is_sent { NOT_IN_ROUND } else { "the agents did not send this method" }
}

fn method(stage: &StageRecord, method: Method, q: f64) -> Values {
    proxied(stage, absence(stage, method), |trial| method_ms(trial, method, q))
}

fn overhead(stage: &StageRecord, method: Option<Method>, q: f64) -> Values {
    let of = |round: &RoundRecord, arm| {
        let trial = round.trial(arm)?;
        method.map_or_else(|| response_ms(trial, q), |method| method_ms(trial, method, q))
    };
    let is_paired = stage.valid_rounds().any(|round| round.trial(Arm::Direct).is_some());
    let why = match method {
        Some(method) if is_paired => absence(stage, method),
        _ => NO_DIRECT,
    };
    per_round(stage, why, |round| Some(of(round, Arm::Proxied)? - of(round, Arm::Direct)?))
}

fn cpu_per_message(stage: &StageRecord) -> Values {
    proxied(stage, "CPU time of the target could not be read, or no request was completed", |trial| {
        let completed = trial.load.completed_in_window;
        (completed > 0).then_some(trial.readings.target_cpu_ns()? as f64 / 1e3 / completed as f64)
    })
}
