//! Renders tables: headings, bodies, cells, and the box in which a wide table scrolls.

use maud::{Markup, Render, html};

use super::text::joined;

/// The heading of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heading {
    Text(&'static str),
    /// Heading of a right-aligned column.
    Number(&'static str),
}

/// Creates a table with one body; nothing if there is no row.
pub(crate) fn table(label: &str, headings: &[Heading], rows: impl IntoIterator<Item = Markup>) -> Markup {
    let body = body(rows);
    if body.0.is_empty() { body } else { scrolling(label, None, headings, &body) }
}

/// Creates one body of a table; nothing if there is no row.
pub(crate) fn body(rows: impl IntoIterator<Item = Markup>) -> Markup {
    let rows = joined(rows);
    if rows.0.is_empty() {
        rows
    } else {
        html! { tbody { "\n" (rows) } "\n" }
    }
}

/// Creates a table in its own box, which scrolls if the table is wider than the page.
pub(crate) fn scrolling(label: &str, class: Option<&str>, headings: &[Heading], bodies: &Markup) -> Markup {
    html! {
        div class="scroll" role="region" aria-label=(label) tabindex="0" {
            "\n"
            table class=[class] {
                thead { tr { @for heading in headings { (heading) } } } "\n"
                (bodies)
            }
            "\n"
        }
        "\n"
    }
}

/// Creates a row of cells.
pub(crate) fn row(cells: impl IntoIterator<Item = Markup>) -> Markup {
    html! { tr { @for cell in cells { (cell) } } "\n" }
}

/// Names the subject of the row.
pub(crate) fn head(content: impl Render) -> Markup {
    html! { th scope="row" { (content) } }
}

pub(crate) fn cell(content: impl Render) -> Markup {
    html! { td { (content) } }
}

pub(crate) fn number(content: impl Render) -> Markup {
    html! { td class="number" { (content) } }
}

impl Render for Heading {
    fn render(&self) -> Markup {
        match self {
            Self::Text(text) => html! { th { (text) } },
            Self::Number(text) => html! { th class="number" { (text) } },
        }
    }
}

/// Shows a value, or a dash where it is absent.
pub(crate) fn or_dash<T: Render>(value: Option<T>) -> Markup {
    value.map_or_else(|| html! { "–" }, |value| html! { (value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(table("empty", &[Heading::Text("name")], []).0, "");
        let table = table("a & b", &[Heading::Text("name"), Heading::Number("n")], [row([head("<x>"), number(3)])]);
        let text = table.0.replace('\n', "");
        assert!(text.contains("aria-label=\"a &amp; b\"") && text.contains("<th class=\"number\">n</th>"), "{text}");
        assert!(text.contains("<tr><th scope=\"row\">&lt;x&gt;</th><td class=\"number\">3</td></tr>"), "{text}");
    }
}
