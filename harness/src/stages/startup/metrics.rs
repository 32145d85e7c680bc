//! Defines the metrics of launches.

use super::facts::Reported;
use crate::measure::facts::InstanceFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::LATENCY;
use crate::measure::metric::fact::Fact;
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::Millis;
use crate::measure::metric::values::per_launch;
use crate::measure::record::{InstanceRecord, StageRecord};

pub(crate) const METRICS: &[Metric] = &[
    row(
        "startup/to_listen",
        Millis,
        StageKind::Startup,
        &LATENCY,
        "Time from directly before the spawn to the first successful TCP connect to the proxy endpoint.",
        to_listen,
    ),
    row(
        "startup/to_healthy",
        Millis,
        StageKind::Startup,
        &LATENCY,
        "Time from directly before the spawn to the first expected answer of the health endpoint.",
        to_healthy,
    )
    .req("M-START-001", 100.0),
    row(
        "startup/to_ready",
        Millis,
        StageKind::Startup,
        &LATENCY,
        "Time from directly before the spawn to the first expected answer of the ready endpoint.",
        to_ready,
    )
    .key()
    .req("M-START-003", 150.0),
    row(
        "startup/policy_load",
        Millis,
        StageKind::Startup,
        &LATENCY,
        "Time of loading policies, as the target reports it after a launch: in a gauge (`[scrape.NAME]`), or in a line of its log (`[log.NAME]`). Absent unless one of them is read.",
        policy_load,
    )
    .req("M-START-002", 50.0),
];

pub(crate) const FACTS: &[Fact] = &[];

fn launch_ms(stage: &StageRecord, why: &str, of: fn(&InstanceRecord) -> Option<u64>) -> Values {
    per_launch(stage, why, |instance| of(instance).map(|ns| ns as f64 / 1e6))
}

fn to_listen(stage: &StageRecord) -> Values {
    launch_ms(stage, "no proxy endpoint in the scenario", |instance| instance.launch.listening_ns)
}

fn to_healthy(stage: &StageRecord) -> Values {
    launch_ms(stage, "no health endpoint in the scenario", |instance| instance.launch.healthy_ns)
}

fn to_ready(stage: &StageRecord) -> Values {
    launch_ms(stage, "no ready endpoint in the scenario", |instance| instance.launch.ready_ns)
}

fn policy_load(stage: &StageRecord) -> Values {
    let reported = |instance: &InstanceRecord| match &instance.facts {
        InstanceFacts::Startup(facts) => match facts.policy_load.clone()? {
            Reported::Ms(ms) => Some(Ok(ms)),
            Reported::Missing(reason) => Some(Err(Absent(reason))),
        },
        _ => None,
    };
    let values = stage.counted_launches().filter_map(reported).collect::<Result<Vec<f64>, Absent>>()?;
    if values.is_empty() {
        return Err(Absent("neither [scrape.NAME] nor [log.NAME] reads it".to_owned()));
    }
    Ok(values)
}
