//! Shows progress on stderr: the stage, the current work and the remaining time. It prints nothing if stderr is not a
//! terminal, and redraws at most once a second, so that drawing does not disturb the windows.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::measure::{Build, Check};
use crate::measure::{RoundStatus, StageStatus};
use crate::run::Event;
use harness_base::clock::Mono;
use harness_base::printable::Printable;
use harness_base::units::{Nanos, grouped};

/// Shows a run on the terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    expected: Nanos,
    /// Expected length of the completed stages and the present one.
    behind: Nanos,
    stage: Stage,
}

#[derive(Debug, Default)]
struct Stage {
    name: String,
    expected: Nanos,
    begun: Mono,
    doing: String,
    rate: String,
    done: u64,
    of: u64,
    rejected: u64,
}

impl Progress {
    /// Creates the progress of a run of scenario `name` that should take `expected`; it prints nothing if `quiet`.
    pub fn new(name: &str, expected: Nanos, quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(1) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(expected.0 / 1_000_000), target);
        // The template is a constant of this file; a mistake in it would fall back to the plain bar.
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {percent:>3} %  {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.println(Printable::of(&format!("{name}: about {}", seconds(expected))).as_str());
        Self { bar, expected, behind: Nanos::ZERO, stage: Stage::default() }
    }

    /// Shows one event of the run.
    pub fn show(&mut self, event: Event) {
        match event {
            Event::StageBegun { name, expected, .. } => {
                self.stage = Stage { name, expected, begun: Mono::now(), ..Stage::default() };
            }
            Event::Doing(what) => self.stage.doing = what,
            Event::Note(line) => self.print(line),
            Event::Step { done, of } => (self.stage.done, self.stage.of) = (done, of),
            Event::Second(_, second) => {
                self.stage.rate = format!(", {}/s", grouped(second.ok as f64 / second.length_s.max(1e-9)));
            }
            Event::Round { status, broken } => self.round(status, broken),
            Event::StageEnded { name, status } => self.stage_ended(&name, &status),
        }
        self.draw();
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a line above the bar.
    pub fn print(&self, line: String) {
        self.bar.println(Printable::of(&line).as_str());
    }

    fn round(&mut self, status: RoundStatus, broken: Option<(Check, Option<Build>)>) {
        self.stage.rate.clear();
        if status == RoundStatus::Rejected {
            self.stage.rejected += 1;
            let why = broken.map_or_else(String::new, |(check, build)| {
                let of = build.map_or_else(String::new, |build| format!(" of {}", build.name()));
                format!("{check}{of}")
            });
            self.print(format!("  {}: a round was rejected and is repeated: {why}", self.stage.name));
        }
    }

    fn stage_ended(&mut self, name: &str, status: &StageStatus) {
        let word = match status {
            StageStatus::Valid => "valid",
            StageStatus::Invalid(_) => "INVALID",
            StageStatus::Failed(_) => "FAILED",
            StageStatus::Skipped(_) => "skipped",
            StageStatus::Incomplete => "incomplete",
        };
        let took = Mono::now().since(self.stage.begun);
        self.print(format!("  {name:<14} {word:<10} {took}"));
        self.behind = self.behind.plus(self.stage.expected);
        self.stage.expected = Nanos::ZERO;
    }

    fn draw(&self) {
        let stage = &self.stage;
        let share = if stage.of > 0 { stage.done as f64 / stage.of as f64 } else { 0.0 };
        let within = Nanos((stage.expected.0 as f64 * share) as u64);
        let position = self.behind.plus(within);
        let left = self.expected.minus(position);
        let of = if stage.of > 0 { format!(" ({} of {})", stage.done, stage.of) } else { String::new() };
        let rejected = if stage.rejected > 0 { format!(", {} rejected", stage.rejected) } else { String::new() };
        self.bar.set_position(position.0 / 1_000_000);
        let text = format!("{}{of}: {}{}{rejected}; about {} left", stage.name, stage.doing, stage.rate, seconds(left));
        self.bar.set_message(Printable::of(&text).as_str().to_owned());
    }
}

/// Formats whole seconds, or minutes and seconds.
fn seconds(span: Nanos) -> String {
    match span.as_secs_f64().round() as u64 {
        short @ 0..100 => format!("{short} s"),
        long => format!("{} min {:02} s", long / 60, long % 60),
    }
}
