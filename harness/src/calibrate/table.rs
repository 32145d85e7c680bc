//! Renders a calibration as text, 80 columns wide.

use std::path::Path;

use crate::measure::Calibration;
use crate::measure::calibration::{
    Ceiling, Figure, InstanceScatter, NoiseFloor, PacerLag, Reach, Resolution, SamplerCost, StationCost,
};
use crate::measure::metric::Unit;
use crate::report::calibration::{ns, span};
use crate::report::text::wrap;
use harness_base::units::Nanos;

const WIDTH: usize = 80;
const NAME: usize = 20;

/// Renders the whole text; `path` is the file of the calibration.
pub fn table(calibration: &Calibration, path: &Path) -> String {
    let Calibration { taken_at, took_ns, tool, fingerprint, quick, .. } = calibration;
    let quick = if *quick { ", quick" } else { "" };
    let head = format!(
        "calibrated at {taken_at}, took {}{quick}, harness {} ({})",
        Nanos(*took_ns),
        tool.version,
        tool.profile
    );
    let mut text = wrap(&head, WIDTH, "", "  ");
    text.push_str(&wrap(fingerprint, WIDTH, "", "  "));
    text.extend(calibration.overrides.iter().map(|changed| wrap(&format!("with {changed}"), WIDTH, "", "  ")));
    text.extend(calibration.noise_floor.as_ref().map(noise_floor));
    text.extend(calibration.instances.as_ref().map(instances));
    text.extend(calibration.ceiling.as_ref().map(ceiling));
    text.extend(calibration.sampler.as_ref().map(sampler));
    if !calibration.pacer.is_empty() {
        text.push_str("\npacer lag\n");
        text.extend(calibration.pacer.iter().map(pacer));
    }
    if !calibration.absent.is_empty() {
        text.push_str("\nabsent\n");
        let line = |part: &str, reason: &str| wrap(&format!("{part}: {reason}"), WIDTH, "  ", "    ");
        text.extend(calibration.absent.iter().map(|absent| line(&absent.part, &absent.reason)));
    }
    text.push_str("\nfile\n");
    text + &wrap(&path.display().to_string(), WIDTH, "  ", "    ")
}

fn row(name: &str, value: &str) -> String {
    wrap(value, WIDTH, &format!("  {name:<NAME$}"), &" ".repeat(2 + NAME))
}

/// Formats a figure: `152 µs [150, 155], n = 33`.
fn shown(figure: &Figure, unit: Unit, scale: f64) -> String {
    let point = figure.point * scale;
    let ends = figure.ends.map(|[low, high]| format!(" {}", unit.show_interval(point, low * scale, high * scale)));
    format!("{}{}, n = {}", unit.show(point), ends.unwrap_or_default(), figure.n)
}

fn time(figure: &Figure) -> String {
    shown(figure, Unit::Millis, 1e-6)
}

fn noise_floor(floor: &NoiseFloor) -> String {
    let rate = floor.rate;
    let mut text = format!("\nnoise floor: direct against direct, {rate} on {} connections\n", floor.connections);
    text.push_str(&row("p50", &time(&floor.p50_ns)));
    let truth = match floor.difference_ns.holds_zero() {
        Some(false) => "; its interval excludes 0, so an overhead of that size cannot be distinguished from it",
        _ => "",
    };
    text.push_str(&row("difference", &(time(&floor.difference_ns) + truth)));
    text
}

fn instances(scatter: &InstanceScatter) -> String {
    let mut text =
        format!("\nfresh instances of the bundled sidecar, {} on {} connections\n", scatter.rate, scatter.connections);
    text.push_str(&row("overhead p50", &time(&scatter.overhead_ns)));
    let scatters = format!("{} between instances, {} between rounds", ns(scatter.between_ns), ns(scatter.within_ns));
    text.push_str(&row("scatter (s)", &scatters));
    let resolves = scatter.resolves.iter().map(|resolution| {
        let Resolution { overhead_ns, rounds, instances, .. } = resolution;
        let value = format!("overheads of ±{} ({rounds} rounds, instances: {instances})", ns(*overhead_ns));
        row(&format!("resolves in {}", span(resolution.measuring_ns)), &value)
    });
    text.extend(resolves);
    text
}

fn ceiling(ceiling: &Ceiling) -> String {
    let mut text = format!("\nceiling: {} virtual users, no target\n", ceiling.vus);
    text.push_str(&row("reached", &shown(&ceiling.rate_per_second, Unit::PerSecond, 1.0)));
    let bound = &ceiling.bound;
    text.push_str(&row(
        "bounded by",
        &format!("{} in {} of {} rounds: {}", bound.by, bound.rounds, bound.of, bound.message),
    ));
    text.push_str(&row("generator", &station(&ceiling.generator)));
    text + &row("upstream", &station(&ceiling.upstream))
}

fn station(station: &StationCost) -> String {
    let reach = match station.reach {
        Reach::Ceiling => "this rate is its ceiling",
        Reach::AtLeast => "its ceiling is this rate or more",
    };
    format!("{} of CPU for each request; {reach}", time(&station.cpu_ns_per_request))
}

fn sampler(sampler: &SamplerCost) -> String {
    let value = format!(
        "{} of CPU for each reading, one every {}",
        time(&sampler.cpu_ns_per_reading),
        Nanos(sampler.period_ns)
    );
    format!("\nsampler\n{}", row("cost", &value))
}

fn pacer(paced: &PacerLag) -> String {
    let lag = &paced.lag;
    let value = format!(
        "p50 {}, p90 {}, p99 {}, longest {}",
        Nanos(lag.p50_ns),
        Nanos(lag.p90_ns),
        Nanos(lag.p99_ns),
        Nanos(lag.max_ns)
    );
    row(&format!("at {}", paced.rate), &value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::calibration::{AbsentPart, BoundBy};
    use crate::measure::latency::Quantiles;
    use harness_base::units::Rate;

    fn calibration() -> Calibration {
        let figure = |point, n| Figure { point, ends: Some([point * 0.9, point * 1.1]), n };
        Calibration {
            taken_at: "2026-11-21T22:40:00Z".to_owned(),
            took_ns: 90_000_000_000,
            fingerprint: "Some CPU, 2 CPUs".to_owned(),
            noise_floor: Some(NoiseFloor {
                rate: Rate(1_000.0),
                connections: 10,
                p50_ns: figure(150_000.0, 33),
                difference_ns: Figure { point: -1_000.0, ends: Some([-4_000.0, 2_000.0]), n: 33 },
                resolves: Vec::new(),
                window_ns: 1_000_000_000,
                round_ns: 2_500_000_000,
                scatter_ns: 9_000.0,
                least_ns: 500.0,
            }),
            instances: Some(InstanceScatter {
                rate: Rate(1_000.0),
                connections: 10,
                window_ns: 200_000_000,
                round_ns: 600_000_000,
                overhead_ns: figure(70_000.0, 8),
                between_ns: 1_200.0,
                within_ns: 6_500.0,
                resolves: vec![Resolution {
                    measuring_ns: 60_000_000_000,
                    rounds: 100,
                    instances: 10,
                    overhead_ns: 12_345.0,
                }],
            }),
            ceiling: Some(Ceiling {
                vus: 10,
                rate_per_second: figure(50_000.0, 8),
                bound: BoundBy { by: "upstream".to_owned(), message: "it was busy".to_owned(), rounds: 7, of: 8 },
                generator: StationCost { cpu_ns_per_request: figure(9_000.0, 8), reach: Reach::AtLeast },
                upstream: StationCost { cpu_ns_per_request: figure(11_000.0, 8), reach: Reach::Ceiling },
            }),
            pacer: vec![PacerLag {
                rate: Rate(200.0),
                lag: Quantiles {
                    count: 9,
                    p50_ns: 40_000,
                    p90_ns: 60_000,
                    p95_ns: 70_000,
                    p99_ns: 90_000,
                    max_ns: 2_000_000,
                },
            }],
            absent: vec![AbsentPart { part: "sampler cost".to_owned(), reason: "INVALID: so it is".to_owned() }],
            ..Calibration::default()
        }
    }

    #[test]
    fn it_reads_like_this() {
        let text = table(&calibration(), Path::new("x.json"));
        let body = text.split_once("Some CPU, 2 CPUs\n").unwrap().1;
        let expected = "
noise floor: direct against direct, 1,000/s on 10 connections
  p50                 0.150 ms [0.135, 0.165], n = 33
  difference          -1.00 µs [-4.00, 2.00], n = 33

fresh instances of the bundled sidecar, 1,000/s on 10 connections
  overhead p50        70.0 µs [63.0, 77.0], n = 8
  scatter (s)         1.20 µs between instances, 6.50 µs between rounds
  resolves in 60 s    overheads of ±12.3 µs (100 rounds, instances: 10)

ceiling: 10 virtual users, no target
  reached             50,000 req/s [45,000, 55,000], n = 8
  bounded by          upstream in 7 of 8 rounds: it was busy
  generator           9.00 µs [8.10, 9.90], n = 8 of CPU for each request; its
                      ceiling is this rate or more
  upstream            11.0 µs [9.90, 12.1], n = 8 of CPU for each request; this
                      rate is its ceiling

pacer lag
  at 200/s            p50 40.0 µs, p90 60.0 µs, p99 90.0 µs, longest 2.00 ms

absent
  sampler cost: INVALID: so it is

file
  x.json
";
        assert_eq!(body, expected, "{text}");
    }
}
