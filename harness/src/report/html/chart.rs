//! Draws charts as SVG: axes, lines, dots and shading. The style sheet colours them by their classes; equal values
//! yield equal bytes.

use maud::{Markup, html};

use super::scale::Scale;
use super::text::{coordinate, joined, note};

/// Width of every chart in its own units: about the width of a phone, so that its text stays readable there.
const WIDTH: f64 = 440.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;

/// An axis with its label and its ticks.
#[derive(Debug)]
pub(crate) struct Axis {
    scale: Scale,
    label: String,
    ticks: Vec<(f64, String)>,
}

/// A chart under construction. Points outside of its axes are omitted.
#[derive(Debug)]
pub(crate) struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    height: f64,
    shading: Vec<Markup>,
    body: Vec<Markup>,
    legend: Vec<(&'static str, String)>,
}

/// The attributes of a figure and the text below its chart.
#[derive(Debug)]
pub(crate) struct Caption<'a> {
    /// Kind of the chart, for programs that search for it.
    pub(crate) kind: &'a str,
    pub(crate) stage: &'a str,
    /// Describes the chart: below it, and as its label for screen readers.
    pub(crate) message: &'a str,
}

impl Axis {
    /// Creates an axis with ticks at round values.
    pub(crate) fn new(scale: Scale, label: &str) -> Self {
        Self { scale, label: label.to_owned(), ticks: scale.ticks() }
    }

    pub(crate) fn with_ticks(scale: Scale, label: &str, ticks: Vec<(f64, String)>) -> Self {
        Self { scale, label: label.to_owned(), ticks }
    }
}

impl Chart {
    /// Creates an empty chart that is 250 units high.
    pub(crate) fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, height: 250.0, shading: Vec::new(), body: Vec::new(), legend: Vec::new() }
    }

    /// Changes the height, in units of the chart.
    pub(crate) fn high(mut self, height: f64) -> Self {
        self.height = height;
        self
    }

    pub(crate) fn explain(&mut self, class: &'static str, message: &str) {
        if !self.legend.iter().any(|(known, _)| *known == class) {
            self.legend.push((class, message.to_owned()));
        }
    }

    /// Shades the whole height between two values of x.
    pub(crate) fn shade(&mut self, class: &str, from: f64, to: f64) {
        let (Some(left), Some(right)) = (self.across(from), self.across(to)) else { return };
        let [x, width, height] = [left, (right - left).max(0.5), self.height - TOP - BOTTOM].map(coordinate);
        self.shading.push(html! { rect class=(class) x=(x) y=(TOP) width=(width) height=(height) {} "\n" });
    }

    /// Joins points by straight lines. If points are denser than the resolution of the chart, it keeps the extremes.
    pub(crate) fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let places: Vec<(f64, f64)> = points.iter().filter_map(|point| self.place(*point)).collect();
        let places = thinned(&places);
        if places.len() < 2 {
            return;
        }
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{},{}", coordinate(*x), coordinate(*y))).collect();
        self.body.push(html! { polyline class=(class) points=(path.join(" ")) {} "\n" });
    }

    /// Draws a dot with a tooltip.
    pub(crate) fn dot(&mut self, class: &str, point: (f64, f64), message: &str) {
        let Some((x, y)) = self.place(point) else { return };
        self.body.push(html! {
            circle class=(class) cx=(coordinate(x)) cy=(coordinate(y)) r="3.4" {
                @if !message.is_empty() { title { (message) } }
            }
            "\n"
        });
    }

    /// Draws a horizontal line at a value of y.
    pub(crate) fn level(&mut self, class: &str, y: f64) {
        let Some(place) = self.y.scale.at(y) else { return };
        let y = self.down(place);
        self.body.push(line(class, [LEFT, WIDTH - RIGHT], [y, y]));
    }

    /// Draws a vertical line at a value of x, between two values of y.
    pub(crate) fn upright(&mut self, class: &str, x: f64, (from, to): (f64, f64)) {
        let (Some((x, from)), Some((_, to))) = (self.place((x, from)), self.place((x, to))) else { return };
        self.body.push(line(class, [x, x], [from, to]));
    }

    /// Writes text at the left end, at a value of y.
    pub(crate) fn words(&mut self, y: f64, message: &str) {
        let Some(place) = self.y.scale.at(y) else { return };
        let y = coordinate(self.down(place));
        self.body.push(html! { text class="words" x=(LEFT) y=(y) { (message) } "\n" });
    }

    /// Finishes the figure: title, legend, chart and text.
    pub(crate) fn figure(self, caption: &Caption<'_>) -> Markup {
        html! {
            figure data-chart=(caption.kind) data-stage=(caption.stage) {
                "\n"
                figcaption { (self.title) } "\n"
                @if !self.legend.is_empty() {
                    ul class="legend" { @for (class, message) in &self.legend { li class=(class) { (message) } } } "\n"
                }
                (self.drawing(caption.message))
                (note(caption.message))
            }
            "\n"
        }
    }

    fn drawing(&self, message: &str) -> Markup {
        let view = format!("0 0 {WIDTH} {}", coordinate(self.height));
        html! {
            svg class="drawing" viewBox=(view) role="img" aria-label={ (self.title) ". " (message) } {
                "\n"
                @for part in &self.shading { (part) }
                (self.axes())
                @for part in &self.body { (part) }
            }
            "\n"
        }
    }

    fn axes(&self) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, self.height - BOTTOM);
        html! {
            (joined(self.y.ticks.iter().filter_map(|tick| self.level_tick(tick))))
            (joined(self.x.ticks.iter().filter_map(|tick| self.upright_tick(tick))))
            (line("axis", [LEFT, right], [bottom, bottom]))
            text class="label" x="4" y="13" { (self.y.label) } "\n"
            text class="label end" x=(right) y=(self.height - 6.0) { (self.x.label) } "\n"
        }
    }

    /// Draws a tick of y with its line across the chart.
    fn level_tick(&self, (value, label): &(f64, String)) -> Option<Markup> {
        let y = self.down(self.y.scale.at(*value)?);
        Some(html! {
            (line("grid", [LEFT, WIDTH - RIGHT], [y, y]))
            text class="tick end" x=(LEFT - 6.0) y=(coordinate(y)) dy="0.32em" { (label) } "\n"
        })
    }

    /// Draws a tick of x with a short line below the axis.
    fn upright_tick(&self, (value, label): &(f64, String)) -> Option<Markup> {
        let (x, bottom) = (self.across(*value)?, self.height - BOTTOM);
        // A centred text at the right end would not fit into the chart.
        let anchor = if x > WIDTH - RIGHT - 12.0 { "end" } else { "middle" };
        Some(html! {
            (line("axis", [x, x], [bottom, bottom + 4.0]))
            text class={ "tick " (anchor) } x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (label) } "\n"
        })
    }

    fn across(&self, x: f64) -> Option<f64> {
        self.x.scale.at(x).map(|place| LEFT + place * (WIDTH - LEFT - RIGHT))
    }

    fn down(&self, place: f64) -> f64 {
        self.height - BOTTOM - place * (self.height - TOP - BOTTOM)
    }

    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.across(x)?, self.down(self.y.scale.at(y)?)))
    }
}

fn line(class: &str, x: [f64; 2], y: [f64; 2]) -> Markup {
    let ([x1, x2], [y1, y2]) = (x.map(coordinate), y.map(coordinate));
    html! { line class=(class) x1=(x1) x2=(x2) y1=(y1) y2=(y2) {} "\n" }
}

/// Keeps at most four points for each unit of width: the first, the extremes and the last.
fn thinned(places: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for column in places.chunk_by(|one, next| one.0.floor() == next.0.floor()) {
        if column.len() <= 4 {
            kept.extend_from_slice(column);
            continue;
        }
        let by_height = |one: &usize, other: &usize| column[*one].1.total_cmp(&column[*other].1);
        let extremes = [(0..column.len()).min_by(by_height), (0..column.len()).max_by(by_height)];
        let mut positions: Vec<usize> = extremes.into_iter().flatten().chain([0, column.len() - 1]).collect();
        positions.sort_unstable();
        positions.dedup();
        kept.extend(positions.into_iter().map(|position| column[position]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Chart {
        let axis = |label| Axis::new(Scale::from_zero([100.0]), label);
        Chart::new("rate <over> time", axis("s"), axis("req/s"))
    }

    #[test]
    fn values_outside_a_chart_are_not_drawn() {
        let mut chart = empty();
        chart.dot("direct", (f64::NAN, 1.0), "");
        chart.line("direct", &[(1.0, f64::INFINITY), (2.0, 1.0)]);
        assert!(chart.body.is_empty());
        let figure = chart.figure(&Caption { kind: "rate", stage: "over\"head", message: "a & b" }).0;
        assert!(figure.contains("rate &lt;over&gt; time") && figure.contains("over&quot;head"), "{figure}");
        assert!(!figure.contains("NaN") && !figure.contains("inf"), "{figure}");
    }

    #[test]
    fn a_million_points_are_a_few_thousand_bytes_and_keep_their_peak() {
        let mut chart = empty();
        let points: Vec<(f64, f64)> =
            (0..1_000_000).map(|n| (f64::from(n) / 1e4, if n == 123_456 { 99.0 } else { 10.0 })).collect();
        chart.line("direct", &points);
        let drawn = joined(chart.body.clone()).0;
        assert!(drawn.len() < 30_000, "{} bytes", drawn.len());
        let peak = coordinate(chart.down(99.0 / 106.0));
        assert!(drawn.contains(&format!(",{peak} ")), "the peak is at {peak}");
    }
}
