//! Drawings: axes, lines, dots and shading as SVG. Colours come from classes, so that the page decides them; the same values
//! give the same bytes.

use super::scale::Scale;
use super::text::{coordinate, escaped};

/// Width of every drawing in its own units: about that of a phone, so that its text stays readable there.
const WIDTH: f64 = 440.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;

/// An axis: what it holds, what that is, and the texts beside it.
#[derive(Debug)]
pub(super) struct Axis {
    scale: Scale,
    label: String,
    ticks: Vec<(f64, String)>,
}

/// A drawing in the making. What has no place on its axes is left out.
#[derive(Debug)]
pub(super) struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    height: f64,
    shading: String,
    body: String,
    legend: Vec<(&'static str, String)>,
}

/// What a figure needs beside its drawing.
#[derive(Debug)]
pub(super) struct Caption<'a> {
    /// Kind of the chart, for programs that look for it.
    pub(super) kind: &'a str,
    pub(super) stage: &'a str,
    /// What it shows, in words: for those who cannot see it, and below it for all others.
    pub(super) message: &'a str,
}

impl Axis {
    /// With ticks at round values.
    pub(super) fn new(scale: Scale, label: &str) -> Self {
        Self { scale, label: label.to_owned(), ticks: scale.ticks() }
    }

    pub(super) fn with_ticks(scale: Scale, label: &str, ticks: Vec<(f64, String)>) -> Self {
        Self { scale, label: label.to_owned(), ticks }
    }
}

impl Chart {
    /// Empty, 250 units high.
    pub(super) fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self {
            title: title.to_owned(),
            x,
            y,
            height: 250.0,
            shading: String::new(),
            body: String::new(),
            legend: Vec::new(),
        }
    }

    /// With another height, in units of the drawing.
    pub(super) fn high(mut self, height: f64) -> Self {
        self.height = height;
        self
    }

    pub(super) fn explain(&mut self, class: &'static str, message: &str) {
        if !self.legend.iter().any(|(known, _)| *known == class) {
            self.legend.push((class, message.to_owned()));
        }
    }

    /// Shades the whole height between two values of x.
    pub(super) fn shade(&mut self, class: &str, from: f64, to: f64) {
        let (Some(left), Some(right)) = (self.across(from), self.across(to)) else { return };
        self.shading.push_str(&format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/>\n",
            coordinate(left),
            coordinate((right - left).max(0.5)),
            coordinate(self.height - TOP - BOTTOM)
        ));
    }

    /// Joins points by straight lines. Of more points than the drawing can tell apart, the extremes of each place stay.
    pub(super) fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let places: Vec<(f64, f64)> = points.iter().filter_map(|point| self.place(*point)).collect();
        let places = thinned(&places);
        if places.len() < 2 {
            return;
        }
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{},{}", coordinate(*x), coordinate(*y))).collect();
        self.body.push_str(&format!("<polyline class=\"{class}\" points=\"{}\"/>\n", path.join(" ")));
    }

    /// A dot with a text that a pointer brings up.
    pub(super) fn dot(&mut self, class: &str, point: (f64, f64), message: &str) {
        let Some((x, y)) = self.place(point) else { return };
        let (x, y) = (coordinate(x), coordinate(y));
        let title = if message.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(message)) };
        self.body.push_str(&format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3.4\">{title}</circle>\n"));
    }

    /// A dashed line across at a value of y.
    pub(super) fn level(&mut self, class: &str, y: f64) {
        let Some(place) = self.y.scale.at(y) else { return };
        let y = coordinate(self.down(place));
        self.body.push_str(&format!(
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>\n",
            WIDTH - RIGHT
        ));
    }

    /// A line up and down at a value of x, between two values of y.
    pub(super) fn upright(&mut self, class: &str, x: f64, (from, to): (f64, f64)) {
        let (Some((x, from)), Some((_, to))) = (self.place((x, from)), self.place((x, to))) else { return };
        let [x, from, to] = [x, from, to].map(coordinate);
        self.body.push_str(&format!("<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{from}\" y2=\"{to}\"/>\n"));
    }

    /// Words at the left end of a value of y.
    pub(super) fn words(&mut self, y: f64, message: &str) {
        let Some(place) = self.y.scale.at(y) else { return };
        let y = coordinate(self.down(place));
        self.body.push_str(&format!("<text class=\"words\" x=\"{LEFT}\" y=\"{y}\">{}</text>\n", escaped(message)));
    }

    /// The figure: title, legend, drawing and words.
    pub(super) fn figure(self, caption: &Caption<'_>) -> String {
        let entry = |(class, message): &(&str, String)| format!("<li class=\"{class}\">{}</li>", escaped(message));
        let legend: String = self.legend.iter().map(entry).collect();
        let legend = if legend.is_empty() { legend } else { format!("<ul class=\"legend\">{legend}</ul>\n") };
        format!(
            "<figure data-chart=\"{}\" data-stage=\"{}\">\n<figcaption>{}</figcaption>\n{legend}{}<p class=\"note\">{}</p>\n\
             </figure>\n",
            caption.kind,
            escaped(caption.stage),
            escaped(&self.title),
            self.drawing(caption.message),
            escaped(caption.message)
        )
    }

    fn drawing(&self, message: &str) -> String {
        let label = escaped(&format!("{}. {message}", self.title));
        format!(
            "<svg class=\"drawing\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{label}\">\n{}{}{}</svg>\n",
            coordinate(self.height),
            self.shading,
            self.axes(),
            self.body
        )
    }

    fn axes(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, self.height - BOTTOM);
        let mut text = String::new();
        for (value, label) in &self.y.ticks {
            let Some(place) = self.y.scale.at(*value) else { continue };
            let y = coordinate(self.down(place));
            text.push_str(&format!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\"/>\n"));
            text.push_str(&format!(
                "<text class=\"tick end\" x=\"{}\" y=\"{y}\" dy=\"0.32em\">{}</text>\n",
                LEFT - 6.0,
                escaped(label)
            ));
        }
        for (value, label) in &self.x.ticks {
            let Some(place) = self.across(*value) else { continue };
            // A text at the very end would not fit into the drawing with its middle there.
            let (anchor, x) = (if place > WIDTH - RIGHT - 12.0 { "end" } else { "middle" }, coordinate(place));
            text.push_str(&format!(
                "<line class=\"axis\" x1=\"{x}\" x2=\"{x}\" y1=\"{bottom}\" y2=\"{}\"/>\n",
                bottom + 4.0
            ));
            text.push_str(&format!(
                "<text class=\"tick {anchor}\" x=\"{x}\" y=\"{}\">{}</text>\n",
                bottom + 16.0,
                escaped(label)
            ));
        }
        text.push_str(&format!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\n\
             <text class=\"label\" x=\"4\" y=\"13\">{}</text>\n<text class=\"label end\" x=\"{right}\" y=\"{}\">{}</text>\n",
            escaped(&self.y.label),
            self.height - 6.0,
            escaped(&self.x.label)
        ));
        text
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

/// At most four points for each unit of width: the first, the extremes and the last.
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
    fn what_has_no_place_is_not_drawn() {
        let mut chart = empty();
        chart.dot("direct", (f64::NAN, 1.0), "");
        chart.line("direct", &[(1.0, f64::INFINITY), (2.0, 1.0)]);
        assert_eq!(chart.body, "");
        let figure = chart.figure(&Caption { kind: "rate", stage: "over\"head", message: "a & b" });
        assert!(figure.contains("rate &lt;over&gt; time") && figure.contains("over&quot;head"), "{figure}");
        assert!(!figure.contains("NaN") && !figure.contains("inf"), "{figure}");
    }

    #[test]
    fn a_million_points_are_a_few_thousand_bytes_and_keep_their_peak() {
        let mut chart = empty();
        let points: Vec<(f64, f64)> =
            (0..1_000_000).map(|n| (f64::from(n) / 1e4, if n == 123_456 { 99.0 } else { 10.0 })).collect();
        chart.line("direct", &points);
        assert!(chart.body.len() < 30_000, "{} bytes", chart.body.len());
        let peak = coordinate(chart.down(99.0 / 106.0));
        assert!(chart.body.contains(&format!(",{peak} ")), "the peak is at {peak}");
    }
}
