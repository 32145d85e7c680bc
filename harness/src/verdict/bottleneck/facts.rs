//! Collects the input of the rules: one trial of the target, the direct trial of the same round, and the settings of
//! the stage.

use super::{BUSY, IDLE};
use crate::measure::ThreadsUsage;
use crate::measure::group::ResourceLimits;
use crate::measure::record::{RoundRecord, StageRecord};
use crate::measure::trial::TrialRecord;
use crate::measure::usage::{ProcessUsage, Reading, Series};
use crate::measure::{Arm, Pace};

/// Processes that take part in every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Station {
    Target,
    Generator,
    Upstream,
}

/// The known facts of one round.
pub(super) struct Facts<'a> {
    pub(super) trial: &'a TrialRecord,
    direct: Option<&'a TrialRecord>,
    stage: &'a StageRecord,
}

impl<'a> Facts<'a> {
    /// Collects the facts of a round; `None` without a trial of the target.
    pub(super) fn of(stage: &'a StageRecord, round: &'a RoundRecord) -> Option<Self> {
        Some(Self { trial: round.trial(Arm::Proxied)?, direct: round.trial(Arm::Direct), stage })
    }

    pub(super) fn readings(&self) -> &'a Series<Reading> {
        &self.trial.readings
    }

    pub(super) fn limits(&self) -> ResourceLimits {
        self.stage.limits.unwrap_or_default()
    }

    pub(super) fn users(&self) -> u64 {
        match self.trial.offered {
            Pace::Closed { vus } => vus,
            Pace::Open { .. } => self.trial.connections,
        }
    }

    /// Returns the CPUs that the target may use. Older records do not contain them, and their cpuset is unknown.
    pub(super) fn may_use(&self) -> Option<f64> {
        let host = self.readings().host_cpus();
        let limit = self.limits().cpus;
        self.trial.target_cpus.or_else(|| Some(limit.map_or(host?, |limit| limit.min(host.unwrap_or(limit)))))
    }

    pub(super) fn used(&self) -> Option<f64> {
        self.cpus_of(Station::Target)
    }

    /// Returns the CPUs that the threads of the target used or waited for.
    pub(super) fn wanted(&self) -> Option<f64> {
        self.trial.target_threads.as_ref()?.wanted_cpus()
    }

    /// Returns the threads of the target, and the share of the window in which the busiest one was runnable.
    pub(super) fn thread(&self) -> Option<(&'a ThreadsUsage, f64)> {
        let threads = self.trial.target_threads.as_ref()?;
        Some((threads, threads.busiest_share()?))
    }

    pub(super) fn cpus_of(&self, station: Station) -> Option<f64> {
        let readings = self.readings();
        let ns = match station {
            Station::Target => readings.target_cpu_ns(),
            Station::Generator => readings.own_cpu_ns(generator),
            Station::Upstream => readings.own_cpu_ns(upstream),
        };
        Some(ns? as f64 / readings.span_ns()? as f64)
    }

    /// Returns the share of the window in which the busiest thread of a process was runnable.
    pub(super) fn share(&self, station: Station) -> Option<f64> {
        match station {
            Station::Target => self.thread().map(|(_, share)| share),
            Station::Generator => self.readings().busiest_thread(generator),
            Station::Upstream => self.readings().busiest_thread(upstream),
        }
    }

    /// Returns whether the target used, or used and waited for, all CPUs that it may use. Waiting counts only if it
    /// waited for a CPU: not for the next period of a limit, and not for a wake-up while CPUs were idle.
    pub(super) fn target_is_full(&self) -> bool {
        let Some((used, may_use)) = self.used().zip(self.may_use()) else { return false };
        let full = |cpus: f64| cpus >= BUSY.0 * may_use;
        let pinned = self.readings().host_cpus().is_some_and(|host| may_use < host);
        let none_idle = self.readings().idle().is_some_and(|idle| idle < IDLE.0);
        let waits_for_cpus = self.limits().cpus.is_none() && (pinned || none_idle);
        full(used) || (waits_for_cpus && self.wanted().is_some_and(full))
    }

    /// Returns whether this process was the busiest. If several were busy, those with less CPU time mostly waited for
    /// CPUs that the process with most CPU time occupied.
    pub(super) fn is_busiest(&self, station: Station) -> bool {
        let is_busy = |station: &Station| {
            let full = *station == Station::Target && self.target_is_full();
            full || self.share(*station).is_some_and(|share| share >= BUSY.0)
        };
        let used = |station: &Station| self.cpus_of(*station).unwrap_or(0.0);
        // `max_by` returns the last of equal values.
        let order = [Station::Upstream, Station::Generator, Station::Target];
        let busy = order.into_iter().filter(is_busy);
        busy.max_by(|one, other| used(one).total_cmp(&used(other))) == Some(station)
    }

    /// Returns the mean time of a request through the target, in milliseconds.
    pub(super) fn request_ms(&self) -> Option<f64> {
        mean_ms(self.trial)
    }

    /// Returns the mean time of a request without the target in the same round, in milliseconds.
    pub(super) fn direct_ms(&self) -> Option<f64> {
        mean_ms(self.direct?)
    }

    /// Returns for how long the upstream delays a response, in milliseconds.
    pub(super) fn delay_ms(&self) -> Option<f64> {
        self.stage.upstream_delay_ns.map(|ns| ns as f64 / 1e6)
    }

    /// Returns whether the server behind the target was observed.
    pub(super) fn upstream_is_known(&self) -> bool {
        self.direct.is_some() || self.share(Station::Upstream).is_some()
    }

    /// Returns the rate at which every user always waits for an answer (J. D. C. Little, 1961).
    pub(super) fn rps_by_law(&self) -> Option<f64> {
        self.request_ms().filter(|mean| *mean > 0.0).map(|mean| self.users() as f64 * 1e3 / mean)
    }

    /// Formats the CPU use of the target for the end of a sentence.
    pub(super) fn target(&self) -> String {
        match self.used().zip(self.may_use()) {
            Some((used, may_use)) => format!("the target used {used:.2} of {} CPUs", cpus(may_use)),
            None => "what the target used was not read".to_owned(),
        }
    }
}

fn mean_ms(trial: &TrialRecord) -> Option<f64> {
    trial.load.latencies.service.mean_ns().map(|ns| ns / 1e6)
}

fn generator(reading: &Reading) -> Option<&ProcessUsage> {
    reading.generator.as_ref()
}

fn upstream(reading: &Reading) -> Option<&ProcessUsage> {
    reading.upstream.as_ref()
}

/// Formats a number of CPUs: `2`, `0.5`, `0.33`.
pub(super) fn cpus(value: f64) -> String {
    ((value * 100.0).round() / 100.0).to_string()
}
