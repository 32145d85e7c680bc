//! Draws rate, response times, memory, CPU and throttling of a stage over time, with the windows shaded by their
//! status.

use maud::Markup;

use super::chart::{Axis, Caption, Chart};
use super::scale::{Readable, Scale};
use super::text::{joined, nothing};
use super::view::{Path, trials};
use crate::measure::metric::Unit;
use crate::measure::record::{RoundStatus, StageRecord};
use crate::measure::trial::Build;
use crate::measure::usage::{Reading, Series};
use crate::measure::{Arm, Second};
use harness_base::clock::Mono;

/// Smallest time in nanoseconds between two readings for a share of CPU; shares over shorter spans scatter too much.
const CPU_STEP_NS: u64 = 400_000_000;

/// The shade of a window without load.
const IDLE: &str = "idle";

/// A window of a trial, or an idle window.
pub(crate) struct Window<'a> {
    path: Path,
    shade: &'static str,
    start: Mono,
    length_ns: u64,
    seconds: &'a [Second],
    readings: &'a Series<Reading>,
}

/// One line of a chart. It is interrupted between windows.
struct Polyline {
    class: &'static str,
    message: String,
    stretches: Vec<Vec<(f64, f64)>>,
}

/// The windows of a stage, which all of its charts share.
struct Times<'a> {
    stage: &'a StageRecord,
    windows: Vec<Window<'a>>,
    start: Mono,
    length_s: f64,
}

/// Draws every chart that has values, over the windows of the trials.
pub(crate) fn charts(stage: &StageRecord) -> Markup {
    charts_of(stage, windows(stage))
}

/// Draws every chart that has values, over the given windows.
pub(crate) fn charts_of(stage: &StageRecord, windows: Vec<Window<'_>>) -> Markup {
    let Some(times) = Times::of(stage, windows) else { return nothing() };
    joined([rate(&times), response(&times), memory(&times), cpu(&times), throttled(&times)])
}

impl<'a> Window<'a> {
    /// Creates a window without load; `None` if it has fewer than two readings.
    pub(crate) fn without_load(build: Build, readings: &'a Series<Reading>) -> Option<Self> {
        Some(Self {
            path: Path { build, arm: Arm::Proxied },
            shade: IDLE,
            start: readings.edges()?.0.at,
            length_ns: readings.span_ns()?,
            seconds: &[],
            readings,
        })
    }
}

impl<'a> Times<'a> {
    fn of(stage: &'a StageRecord, windows: Vec<Window<'a>>) -> Option<Self> {
        let start = windows.iter().map(|window| window.start).min()?;
        let end = |window: &Window<'_>| seconds(start, window.start) + window.length_ns as f64 / 1e9;
        let length_s = windows.iter().map(end).fold(0.0, f64::max);
        (length_s > 0.0).then_some(Self { stage, windows, start, length_s })
    }

    /// Draws lines; nothing if they have no point.
    fn drawn(&self, kind: &str, title: &str, unit: Readable, lines: &[Polyline], message: &str) -> Markup {
        let points = || lines.iter().flat_map(|line| line.stretches.iter().flatten());
        if points().next().is_none() {
            return nothing();
        }
        let y = Axis::new(Scale::from_zero(points().map(|(_, value)| value / unit.divisor)), unit.unit);
        let x = Axis::new(Scale::between(0.0, self.length_s), "time since the stage's first window (s)");
        let mut chart = Chart::new(&format!("{}: {title}", self.stage.name), x, y);
        for line in lines.iter().filter(|line| !line.stretches.iter().all(Vec::is_empty)) {
            chart.explain(line.class, &line.message);
            for stretch in &line.stretches {
                let scaled: Vec<(f64, f64)> = stretch.iter().map(|(x, y)| (*x, y / unit.divisor)).collect();
                chart.line(&format!("{} thin", line.class), &scaled);
            }
        }
        for window in &self.windows {
            let from = seconds(self.start, window.start);
            chart.shade(window.shade, from, from + window.length_ns as f64 / 1e9);
            chart.explain(window.shade, explanation(window.shade));
        }
        chart.figure(&Caption { kind, stage: &self.stage.name, message })
    }

    /// Creates steps over the seconds of every window of a path.
    fn steps(&self, class: &str, of: impl Fn(&Second) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
        let of_window = |window: &Window<'_>| {
            let from = seconds(self.start, window.start);
            let ends = |second: &Second| [second.from_s, second.from_s + second.length_s].map(|edge| from + edge);
            let steps = window.seconds.iter().filter(|second| second.length_s > 0.0);
            steps
                .filter_map(|second| Some((ends(second), of(second)?)))
                .flat_map(|(ends, value)| ends.map(|x| (x, value)))
                .collect()
        };
        self.windows.iter().filter(|window| window.path.class() == class).map(of_window).collect()
    }

    /// Takes a value from the readings of every window.
    fn levels(&self, of: impl Fn(&Reading) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
        let point = |reading: &Reading| Some((seconds(self.start, reading.at), of(reading)?));
        self.windows.iter().map(|window| window.readings.0.iter().filter_map(point).collect()).collect()
    }

    /// Divides the growth of one counter by that of another, between readings far enough apart.
    fn growth(&self, of: impl Fn(&Reading) -> Option<(u64, u64)>) -> Vec<Vec<(f64, f64)>> {
        let of_window = |window: &Window<'_>| {
            let mut points = Vec::new();
            let mut earlier: Option<&Reading> = None;
            let last = window.readings.0.last().map(|reading| reading.at);
            for reading in &window.readings.0 {
                let Some(before) = earlier else {
                    earlier = Some(reading);
                    continue;
                };
                if reading.at.since(before.at).0 < CPU_STEP_NS && Some(reading.at) != last {
                    continue;
                }
                if let Some(share) = share(of(before), of(reading)) {
                    points.extend([before, reading].map(|end| (seconds(self.start, end.at), share)));
                }
                earlier = Some(reading);
            }
            points
        };
        self.windows.iter().map(of_window).collect()
    }
}

fn share(before: Option<(u64, u64)>, after: Option<(u64, u64)>) -> Option<f64> {
    let ((part, whole), (later_part, later_whole)) = (before?, after?);
    let whole = later_whole.checked_sub(whole).filter(|whole| *whole > 0)?;
    Some(later_part.checked_sub(part)? as f64 / whole as f64)
}

fn windows(stage: &StageRecord) -> Vec<Window<'_>> {
    let loaded = trials(stage).map(|placed| Window {
        path: placed.path,
        shade: match placed.status {
            RoundStatus::Valid if placed.path.arm == Arm::Direct => "in-direct",
            RoundStatus::Valid => "in-proxied",
            RoundStatus::Rejected => "rejected",
            RoundStatus::WarmUp | RoundStatus::Incomplete | RoundStatus::Tail => "discarded",
        },
        start: placed.trial.load.window_start,
        length_ns: placed.trial.load.window_ns,
        seconds: &placed.trial.load.seconds,
        readings: &placed.trial.readings,
    });
    loaded.collect()
}

fn explanation(shade: &str) -> &'static str {
    match shade {
        "in-direct" => "window, direct",
        "in-proxied" => "window, proxied",
        "rejected" => "rejected, not counted",
        IDLE => "window without load",
        _ => "warm-up, not counted",
    }
}

fn seconds(start: Mono, at: Mono) -> f64 {
    at.since(start).0 as f64 / 1e9
}

/// Creates one line for each path.
fn by_path(times: &Times<'_>, of: impl Fn(&Second) -> Option<f64>) -> Vec<Polyline> {
    let mut lines: Vec<Polyline> = Vec::new();
    for window in &times.windows {
        let path = window.path;
        if !lines.iter().any(|line| line.class == path.class()) {
            let stretches = times.steps(path.class(), &of);
            lines.push(Polyline { class: path.class(), message: path.name().to_owned(), stretches });
        }
    }
    lines
}

fn rate(times: &Times<'_>) -> Markup {
    let lines = by_path(times, |second| Some(second.ok as f64 / second.length_s));
    let message = "Valid responses in each second. Arms run in turn, so each line has gaps.";
    times.drawn("rate", "rate", Readable::plain(Unit::PerSecond), &lines, message)
}

fn response(times: &Times<'_>) -> Markup {
    let mut lines = by_path(times, |second| Some(second.response?.p50_ns as f64));
    let far = by_path(times, |second| Some(second.response?.p99_ns as f64));
    lines.iter_mut().for_each(|line| line.message.push_str(" p50"));
    lines.extend(far.into_iter().map(|line| Polyline {
        class: far_class(line.class),
        message: line.message + " p99",
        ..line
    }));
    let longest = lines.iter().flat_map(|line| line.stretches.iter().flatten()).map(|(_, span)| *span);
    let unit = Readable::span(longest.fold(0.0, f64::max));
    let message = "Response times of the valid responses in each second, to two significant digits.";
    times.drawn("response", "response time p50 and p99", unit, &lines, message)
}

fn far_class(class: &str) -> &'static str {
    match class {
        "direct" => "direct far",
        "base" => "base far",
        _ => "proxied far",
    }
}

fn memory(times: &Times<'_>) -> Markup {
    let rss = Polyline {
        class: "proxied",
        message: "target, RSS".to_owned(),
        stretches: times.levels(|reading| Some(reading.target?.rss_bytes as f64)),
    };
    let charged = Polyline {
        class: "third",
        message: "its control group, all charged memory".to_owned(),
        stretches: times.levels(|reading| Some(reading.group?.memory_bytes? as f64)),
    };
    let lines = [rss, charged];
    let largest = lines.iter().flat_map(|line| line.stretches.iter().flatten()).map(|(_, bytes)| *bytes);
    let unit = Readable::size(largest.fold(0.0, f64::max));
    let message = "Resident memory of the target, summed over its processes, in windows of both arms.";
    times.drawn("memory", "memory", unit, &lines, message)
}

fn cpu(times: &Times<'_>) -> Markup {
    let line = |class, message: &str, of: &dyn Fn(&Reading) -> Option<u64>| Polyline {
        class,
        message: message.to_owned(),
        stretches: percent(times.growth(|reading| Some((of(reading)?, reading.at.0)))),
    };
    let own = |usage: &Option<crate::measure::usage::ProcessUsage>| usage.as_ref().map(|usage| usage.cpu_ns);
    let mut lines = vec![line("proxied", "target", &|reading| Some(reading.target?.cpu_ns))];
    if times.windows.iter().any(|window| window.shade != IDLE) {
        lines.push(line("direct", "load generator", &|reading| own(&reading.generator)));
        lines.push(line("third", "upstream", &|reading| own(&reading.upstream)));
    }
    let message = "CPU time ÷ wall time; 100 % is one core. Short spans scatter; estimates use whole windows.";
    times.drawn("cpu", "CPU", Readable::plain(Unit::Percent), &lines, message)
}

fn throttled(times: &Times<'_>) -> Markup {
    let of = |reading: &Reading| {
        let group = reading.group?;
        Some((group.throttled_periods?, group.periods?))
    };
    let line = Polyline { class: "proxied", message: "target".to_owned(), stretches: percent(times.growth(of)) };
    let message = "Share of the periods of the CPU limit in which the target was throttled.";
    times.drawn("throttled", "throttling", Readable::plain(Unit::Percent), &[line], message)
}

fn percent(stretches: Vec<Vec<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let scaled = |stretch: Vec<(f64, f64)>| stretch.into_iter().map(|(x, share)| (x, share * 100.0)).collect();
    stretches.into_iter().map(scaled).collect()
}
