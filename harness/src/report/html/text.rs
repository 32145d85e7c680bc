//! Text inside HTML and SVG.

/// Text that cannot end the element or the attribute it stands in.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // HTML has no way to write the other control characters.
            '\n' | '\t' => safe.push(letter),
            _ if letter.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

/// JSON inside a `script` element: nothing in it can end the element or open a comment.
pub(super) fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// A coordinate in a drawing, to a tenth of a unit; what is not finite is never drawn, see [`super::chart::Chart`].
pub(super) fn coordinate(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // `-0` and `0` are the same place.
    format!("{}", rounded + 0.0)
}

/// A section with a heading; nothing where there is no content.
pub(super) fn section(id: &str, title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\">\n<h2>{}</h2>\n{content}</section>\n", escaped(title))
}

/// A table in a box of its own, which scrolls where the table is wider than the page.
pub(super) fn scrolling(label: &str, table: &str) -> String {
    let label = escaped(label);
    format!("<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n{table}</div>\n")
}

/// A word in a box whose colour says how good it is: `good`, `bad`, `open` or `plain`.
pub(super) fn chip(tone: &str, word: &str) -> String {
    format!("<span class=\"chip {tone}\">{}</span>", escaped(word))
}

/// A list; nothing where there is no item.
pub(super) fn list(items: &[String]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"lines\">\n{items}</ul>\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_element() {
        assert_eq!(escaped("<a href=\"x\">'&\u{7}"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\u{fffd}");
        assert_eq!(in_script("{\"a\":\"</script><!--\"}"), "{\"a\":\"\\u003c/script>\\u003c!--\"}");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([coordinate(1.0 / 3.0), coordinate(-0.04), coordinate(20.0)], ["0.3", "0", "20"]);
    }
}
