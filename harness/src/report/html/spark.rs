//! Draws a metric over the stored runs as a small inline chart.

use maud::{Markup, html};

use super::text::{coordinate, nothing};

const WIDTH: f64 = 92.0;
const HEIGHT: f64 = 22.0;
const EDGE: f64 = 3.0;
/// The most earlier runs that are drawn.
const RUNS: usize = 30;

/// Draws earlier runs, oldest first, and this run with a dot; nothing where there are fewer than two earlier runs.
pub(super) fn line(history: &[f64], head: f64, message: &str) -> Markup {
    let history = &history[history.len().saturating_sub(RUNS)..];
    if history.len() < 2 || !history.iter().chain([&head]).all(|value| value.is_finite()) {
        return nothing();
    }
    let all = || history.iter().copied().chain([head]);
    let (low, high) =
        all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let step = (WIDTH - 2.0 * EDGE) / history.len() as f64;
    let down = |value: f64| {
        // A constant history is drawn in the middle.
        let place = if high > low { (value - low) / (high - low) } else { 0.5 };
        HEIGHT - EDGE - place * (HEIGHT - 2.0 * EDGE)
    };
    let points: Vec<String> = all()
        .enumerate()
        .map(|(index, value)| format!("{},{}", coordinate(EDGE + step * index as f64), coordinate(down(value))))
        .collect();
    html! {
        svg class="spark" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(message) {
            polyline class="direct thin" points=(points.join(" ")) {}
            circle class="proxied" cx=(coordinate(WIDTH - EDGE)) cy=(coordinate(down(head))) r="2.6" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_drawn_from_end_to_end() {
        let drawn = line(&[1.0, 3.0, 2.0], 2.0, "p50").0;
        assert!(drawn.contains("points=\"3,19 31.7,3 60.3,11 89,11\""), "{drawn}");
        assert!(line(&[5.0, 5.0], 5.0, "").0.contains("points=\"3,11 46,11 89,11\""));
        assert_eq!(line(&[1.0], 1.0, "").0, "");
        assert_eq!(line(&[1.0, f64::NAN], 1.0, "").0, "");
    }
}
