//! Draws a badge: two boxes with text, 20 pixels high.

use maud::html;

use super::Badge;
use crate::report::html::text::printable;

/// Pixels left and right of a text.
const PADDING: f64 = 6.0;

/// Advance widths of Verdana in thousandths of the font size, from the space on. Verdana is wide, so a substitute font fits too.
const WIDTHS: [u16; 95] = [
    352, 394, 459, 818, 636, 1076, 727, 269, 454, 454, 636, 818, 364, 454, 364, 454, // space to /
    636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 454, 454, 818, 818, 818, 545, // 0 to ?
    1000, 684, 686, 698, 771, 632, 575, 775, 751, 421, 455, 693, 557, 843, 748, 787, // @ to O
    603, 787, 695, 684, 616, 732, 684, 989, 685, 615, 685, 454, 454, 454, 818, 636, // P to _
    636, 601, 623, 521, 623, 596, 352, 623, 633, 274, 344, 592, 274, 973, 633, 607, // ` to o
    623, 623, 427, 521, 394, 633, 592, 818, 592, 592, 525, 635, 454, 635, 818, // p to ~
];

const FONT_SIZE: f64 = 11.0;

/// Estimates the width of a text in pixels; letters outside ASCII count as wide.
fn width(text: &str) -> f64 {
    let of = |letter: char| {
        let place = (letter as usize).checked_sub(' ' as usize);
        place.and_then(|place| WIDTHS.get(place)).map_or(0.7, |width| f64::from(*width) / 1e3)
    };
    text.chars().map(of).sum::<f64>() * FONT_SIZE
}

pub(super) fn drawn(badge: &Badge) -> String {
    let [left, right] = [badge.label, &badge.message].map(|text| (width(text) + 2.0 * PADDING).ceil());
    let (total, name) = (left + right, format!("{}: {}", badge.label, badge.message));
    let text = |middle: f64, length: f64, text: &str| {
        let length = length - 2.0 * PADDING;
        html! { text x=(middle) y="14" textLength=(length) lengthAdjust="spacingAndGlyphs" { (text) } "\n" }
    };
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(total) height="20" role="img" aria-label=(name) {
            "\n"
            title { (name) } "\n"
            clipPath id="r" { rect width=(total) height="20" rx="3" {} } "\n"
            g clip-path="url(#r)" {
                rect width=(left) height="20" fill="#444c56" {}
                rect x=(left) width=(right) height="20" fill=(badge.color.hex()) {}
            }
            "\n"
            g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size=(FONT_SIZE) {
                "\n"
                (text(left / 2.0, left, badge.label))
                (text(left + right / 2.0, right, &badge.message))
            }
            "\n"
        }
        "\n"
    };
    printable(&svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_are_wider() {
        assert!(width("mmmm") > 2.0 * width("iiii"));
        // Of four digits, a point, a space, m and s in Verdana's own table: 4 × 6.99 + 4.00 + 3.87 + 10.70 + 5.73 px.
        assert!((width("0.184 ms") - 52.3).abs() < 1.0, "{}", width("0.184 ms"));
        assert!(width("µ") > 5.0 && width("") == 0.0);
    }
}
