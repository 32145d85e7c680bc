//! Makes trials and readings: latencies are lognormal, and every trial goes through the real audit.

use super::{CPUS, MS, Maker, TARGET_RSS};
use harness::measure::audit::{Evidence, Limits, audit, tags};
use harness::measure::outcome::Outcomes;
use harness::measure::trial::{Ledger, TrialRecord};
use harness::measure::usage::{HostUsage, ProcessUsage, Reading, Series, ThreadUsage, TreeUsage};
use harness::measure::{Arm, Latencies, LedgerRule, LoadFacts, Pace, Second, ThreadsUsage};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::facts::{ReadLag, StallTotal};
use harness_load::latency::LatencyHistogram;
use rand::Rng;

/// Describes one trial.
pub(super) struct Shape {
    pub(super) arm: Arm,
    pub(super) offered: Pace,
    pub(super) requests: u64,
    pub(super) window_ms: u64,
    pub(super) median_us: f64,
    pub(super) spread: f64,
    pub(super) pacer_lag_us: f64,
    pub(super) generator_busy: f64,
    pub(super) target_cpu_us: f64,
}

impl Maker {
    pub(super) fn trial(&mut self, shape: &Shape) -> TrialRecord {
        let requests = match shape.offered {
            Pace::Open { .. } => shape.requests,
            Pace::Closed { .. } => (shape.requests as f64 * self.around(1.0)) as u64,
        };
        let busy = requests as f64 * shape.target_cpu_us / 1e3 / shape.window_ms as f64;
        let rss = (shape.arm == Arm::Proxied).then_some(TARGET_RSS + 4_000_000);
        let load = self.load(shape, requests);
        let readings = self.readings(shape.window_ms, shape.generator_busy, busy, rss);
        let ledger = Some(Ledger { upstream_hits: load.sent_total, sent: load.sent_total, upstream_stall_ns: Some(0) });
        let evidence = Evidence {
            arm: shape.arm,
            offered: shape.offered,
            connections: 10,
            load: &load,
            ledger,
            ledger_rule: LedgerRule::Exact,
            relays: &[],
            readings: &readings,
            target_cpus: CPUS,
            both_to_target: false,
            on_host: &[],
            peers: None,
            nodes_at: &[],
        };
        let (audit, tags) = (audit(&evidence, &Limits::default()), tags(&evidence, &Limits::default()));
        TrialRecord {
            connections: 10,
            ledger,
            readings,
            peak_rss_bytes: rss.map(|bytes| bytes + 900_000),
            target_cpus: Some(CPUS),
            target_threads: rss.map(|_| threads(shape.window_ms, busy)),
            audit,
            tags,
            ..TrialRecord::new(shape.arm, shape.offered, load)
        }
    }

    fn load(&mut self, shape: &Shape, requests: u64) -> LoadFacts {
        let latencies = self.latencies(shape, requests);
        let seconds = shape.window_ms as f64 / 1e3;
        let mean = latencies.service.mean_ns().unwrap_or(0.0);
        let per_second = (0..shape.window_ms / 1_000).map(|from| Second {
            from_s: from as f64,
            length_s: 1.0,
            ok: requests * 1_000 / shape.window_ms,
            errors: 0,
            response: latencies.response.quantiles(),
        });
        LoadFacts {
            window_start: self.now,
            first_release: None,
            nodes: Vec::new(),
            window_ns: shape.window_ms * MS,
            scheduled: requests,
            outcomes: Outcomes { ok: requests, ..Outcomes::default() },
            outside: Outcomes::default(),
            first_error_ns: None,
            completed_in_window: requests,
            late: 0,
            sent_total: requests + requests / 10,
            halves: None,
            blocks: Vec::new(),
            reconnects: 0,
            connections: None,
            stalls: Some(StallTotal::default()),
            mean_in_flight: requests as f64 / seconds * mean / 1e9,
            in_flight_samples: None,
            seconds: per_second.collect(),
            latencies,
            events: None,
            continued: None,
            mcp: None,
            stdio: None,
            watched: None,
            streams: None,
            read_lag: Some(read_lag(requests)),
            ticks: None,
            examples: Vec::new(),
        }
    }

    fn latencies(&mut self, shape: &Shape, requests: u64) -> Latencies {
        let median = shape.median_us * self.around(1.0);
        let mut latencies = Latencies::default();
        for _ in 0..requests {
            let service = median * (shape.spread * self.normal()).exp();
            let lag = shape.pacer_lag_us * (0.3 * self.normal()).exp();
            let us = |micros: f64| Nanos((micros * 1e3) as u64);
            latencies.response.record(us(service + lag.min(60.0)));
            latencies.service.record(us(service));
            latencies.ttfb.record(us(service * 0.93));
            latencies.first_body.record(us(service * 0.95));
            latencies.connection_wait.record(us(0.4));
            latencies.pacer_lag.record(us(lag));
        }
        latencies
    }

    /// Makes readings at 10 Hz over a window; `rss` is that of the target.
    pub(super) fn readings(
        &mut self,
        window_ms: u64,
        generator: f64,
        target: f64,
        rss: Option<u64>,
    ) -> Series<Reading> {
        let start = self.now.0;
        let target = target * self.around(1.0);
        let steps = window_ms / 100;
        let readings = (0..=steps).map(|step| {
            let past = step * 100 * MS;
            let used = |share: f64| (share * past as f64) as u64;
            let edge = step == 0 || step == steps;
            let thread = ThreadUsage { tid: 4711, on_cpu_ns: used(generator), waiting_ns: 0 };
            Reading {
                at: Mono(start + past),
                target: rss.map(|rss| TreeUsage {
                    processes: 1,
                    threads: 4,
                    cpu_ns: 60 * MS + used(target),
                    rss_bytes: rss + (step % 3) * 4096,
                    pss_bytes: step.is_multiple_of(10).then_some(rss - 1_400_000),
                    descriptors: Some(31),
                    voluntary_switches: 900 + step * 7,
                    involuntary_switches: 12 + step,
                    major_faults: step.is_multiple_of(10).then_some(3),
                }),
                generator: Some(ProcessUsage {
                    cpu_ns: used(generator),
                    rss_bytes: 22_000_000,
                    threads: edge.then(|| vec![thread]),
                }),
                upstream: Some(ProcessUsage {
                    cpu_ns: used(0.06),
                    rss_bytes: 9_000_000,
                    threads: edge.then(|| vec![ThreadUsage { tid: 4800, on_cpu_ns: used(0.06), waiting_ns: 0 }]),
                }),
                control_cpu_ns: used(0.004),
                host: HostUsage {
                    busy_ns: used(generator + target + 0.06 + 0.004 + 0.03),
                    steal_ns: used(0.002),
                    total_ns: past * 2,
                    memory_stall_ns: edge.then_some(0),
                    throttled_ns: None,
                },
                group: None,
            }
        });
        let readings = Series(readings.collect());
        self.now = Mono(start + window_ms * MS);
        readings
    }

    /// Scatters `value` by two percent.
    pub(super) fn around(&mut self, value: f64) -> f64 {
        value * (0.02 * self.normal()).exp()
    }

    /// Draws from the standard normal distribution (G. E. P. Box and M. E. Muller, "A Note on the Generation of Random Normal Deviates", 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.random.random_range(f64::EPSILON..1.0_f64).ln()).sqrt();
        radius * self.random.random_range(0.0..std::f64::consts::TAU).cos()
    }
}

/// Makes four threads that share what the target used; the busiest has three tenths of it.
fn threads(window_ms: u64, target: f64) -> ThreadsUsage {
    let used = |share: f64| (share * (window_ms * MS) as f64) as u64;
    let busiest = ThreadUsage { tid: 4901, on_cpu_ns: used(target * 0.3), waiting_ns: used(target * 0.02) };
    ThreadsUsage {
        span_ns: window_ms * MS,
        on_cpu_ns: used(target),
        waiting_ns: used(target * 0.06),
        busiest,
        busiest_name: Some("tokio-rt-worker".to_owned()),
    }
}

/// Makes the read lags of every seventeenth request.
fn read_lag(requests: u64) -> ReadLag {
    let mut lags = LatencyHistogram::default();
    (0..requests / 17).for_each(|number| lags.record(Nanos(4_000 + 250 * (number % 17))));
    ReadLag { lags, dropped: 0, error_ns: 60 }
}
