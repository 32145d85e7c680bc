//! Text in Markdown.

/// Text that a table cell can hold: a bar would end the cell, a line break the table, a `<` would begin a tag.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
