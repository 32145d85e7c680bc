//! Escapes text for Markdown.

use harness_base::printable::letter;

/// Escapes text for a table cell: a bar would end the cell, a line break the table, a `<` would begin a tag, and a bracket a link or an
/// image.
pub(crate) fn escaped(text: &str) -> String {
    let shown: String = text.chars().map(letter).collect();
    let shown = shown.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ");
    shown.replace("![", "!\\[").replace("](", "]\\(").replace("][", "]\\[").replace("]:", "]\\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_a_tag_a_link_or_an_image() {
        assert_eq!(escaped("![](http://x) [a](b) [c][d] <img>|"), "!\\[]\\(http://x) [a]\\(b) [c]\\[d] &lt;img>\\|");
        assert_eq!(escaped("[129, 147] µs"), "[129, 147] µs");
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!escaped(&all).chars().any(|c| c.is_control() && c != '\t'));
    }
}
