//! Fills the templates, which are TOML files with slots: `@name@` inside a line, or alone on a line for a block.

/// The template of a program with an upstream.
pub(super) const SIDECAR: &str = include_str!("templates/sidecar.toml");
/// The template of a program without an upstream.
pub(super) const SERVER: &str = include_str!("templates/server.toml");

/// The template of a command that runs to its end.
pub(super) const COMMAND: &str = include_str!("templates/command.toml");

/// Replaces the slots. A block without content leaves no empty lines behind.
pub(super) fn fill(template: &str, slots: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, content) in slots {
        text = text.replace(&format!("@{name}@"), content);
    }
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text
}

/// Writes a text as a string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            letter if letter.is_control() => written.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => written.push(letter),
        }
    }
    written + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_without_content_leave_one_empty_line() {
        assert_eq!(
            fill("a = @b@\n\n@c@\n\n@d@\n\ne\n", &[("b", "1"), ("c", ""), ("d", "x\ny")]),
            "a = 1\n\nx\ny\n\ne\n"
        );
    }

    proptest! {
        #[test]
        fn every_text_can_be_written(text in any::<String>()) {
            let parsed: toml::Table = toml::from_str(&format!("x = {}", quoted(&text))).unwrap();
            prop_assert_eq!(parsed["x"].as_str(), Some(text.as_str()));
        }
    }
}
