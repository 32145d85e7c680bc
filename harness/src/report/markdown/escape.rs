//! Escapes text for Markdown.

/// Escapes text for a table cell: a bar would end the cell, a line break the table, and a `<` would begin a tag.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
