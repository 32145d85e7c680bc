//! Renders parts that all sections of the page share, and the two kinds of text that templates do not escape.

use harness_base::printable;
use maud::{Markup, PreEscaped, html};

/// Replaces characters of a finished document that neither HTML nor XML has a way to write, or that are invisible.
pub(in crate::report) fn printable(document: &Markup) -> String {
    document.0.chars().map(printable::letter).collect()
}

/// Embeds a style sheet of this crate in a `style` element, which contains no entities.
pub(super) const fn style_sheet(css: &'static str) -> PreEscaped<&'static str> {
    PreEscaped(css)
}

/// Embeds JSON in a `script` element, which contains no entities. JSON escapes ensure that it cannot end the element,
/// open a comment or contain a control character.
pub(super) fn in_script(json: &str) -> Markup {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '<' || (letter.is_control() && letter != '\n') {
            safe.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            safe.push(letter);
        }
    }
    PreEscaped(safe)
}

/// Rounds a coordinate of a drawing to a tenth of a unit. Values that are not finite never come here, see
/// [`super::chart::Chart`].
pub(crate) fn coordinate(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Adding 0 turns -0 into 0.
    format!("{}", rounded + 0.0)
}

pub(crate) fn nothing() -> Markup {
    PreEscaped(String::new())
}

/// Concatenates markup.
pub(crate) fn joined(parts: impl IntoIterator<Item = Markup>) -> Markup {
    html! { @for part in parts { (part) } }
}

/// Adds a heading above the content; nothing if there is no content.
pub(in crate::report) fn section(id: &str, title: &str, content: &Markup) -> Markup {
    if content.0.is_empty() {
        return nothing();
    }
    html! { section id=(id) { "\n" h2 { (title) } "\n" (content) } "\n" }
}

/// Renders a remark below a table, in small letters.
pub(crate) fn note(content: impl maud::Render) -> Markup {
    html! { p class="note" { (content) } "\n" }
}

/// Renders a word in a box whose colour shows its state: `good`, `bad`, `open` or `plain`.
pub(crate) fn chip(tone: &str, word: &str) -> Markup {
    html! { span class={ "chip " (tone) } { (word) } }
}

/// Renders a list; nothing if there is no item.
pub(crate) fn list(items: impl IntoIterator<Item = impl maud::Render>) -> Markup {
    let items = joined(items.into_iter().map(|item| html! { li { (item) } "\n" }));
    if items.0.is_empty() {
        items
    } else {
        html! { ul class="lines" { "\n" (items) } "\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_element() {
        assert_eq!(in_script("{\"a\":\"</script><!--\"}").0, "{\"a\":\"\\u003c/script>\\u003c!--\"}");
        let text = "<a href=\"x\">&\u{7}\u{9b}";
        let markup = html! { p title=(text) { (text) } };
        let safe = "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}\u{fffd}";
        assert_eq!(printable(&markup), format!("<p title=\"{safe}\">{safe}</p>"));
    }

    #[test]
    fn json_keeps_its_control_characters() {
        let json = serde_json::to_string("\u{9b}1m\u{7}\n").unwrap();
        let within = in_script(&json);
        assert_eq!(printable(&within), "\"\\u009b1m\\u0007\\n\"");
        assert_eq!(serde_json::from_str::<String>(&within.0).unwrap(), "\u{9b}1m\u{7}\n");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([coordinate(1.0 / 3.0), coordinate(-0.04), coordinate(20.0)], ["0.3", "0", "20"]);
    }
}
