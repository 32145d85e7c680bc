//! Text for a terminal and for the log of a CI job. What a target prints or a file of a stranger contains can become part of a message,
//! so the functions that print accept only [`Printable`].

use std::borrow::Cow;

/// Text without characters or lines that a terminal or the runner of GitHub Actions would obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printable(String);

/// Replaces a character that would not be shown as itself: control characters but line feed and tab, characters that change the direction
/// of text or are invisible, and code points that are no characters (Unicode 16, section 23.7), which XML cannot contain.
pub const fn letter(letter: char) -> char {
    match letter {
        '\n' | '\t' => letter,
        '\u{2028}' | '\u{2029}' => ' ',
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' => {
            '\u{fffd}'
        }
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => '\u{fffd}',
        '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        _ if letter as u32 & 0xfffe == 0xfffe => '\u{fffd}',
        _ => letter,
    }
}

impl Printable {
    /// Makes text printable: replaces characters as [`letter`] does, and separates what begins a workflow command: `##[` anywhere, and `::`
    /// at the beginning of a line.
    pub fn of(text: &str) -> Self {
        let shown: String = text.chars().map(letter).collect();
        let shown = shown.replace("##[", "# #[");
        Self(shown.split_inclusive('\n').map(without_command).collect())
    }

    /// Makes JSON printable without changing its meaning: the same characters are escaped.
    pub fn json(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        for character in text.replace("##[", "#\\u0023[").chars() {
            if letter(character) == character {
                shown.push(character);
            } else {
                let mut units = [0; 2];
                shown.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
        Self(shown)
    }

    /// Takes text that this program makes alone, for example a script for the shell.
    pub const fn own(text: String) -> Self {
        Self(text)
    }

    /// Prints the first `length` bytes bold in a colour of the terminal, if they end between characters.
    #[must_use]
    pub fn emphasised(self, length: usize, colour: u8) -> Self {
        match self.0.split_at_checked(length) {
            Some((word, rest)) => Self(format!("\u{1b}[1;{colour}m{word}\u{1b}[0m{rest}")),
            None => self,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Printable {
    fn from(text: T) -> Self {
        Self::of(text.as_ref())
    }
}

/// Separates the colons that begin a workflow command.
fn without_command(line: &str) -> Cow<'_, str> {
    let text = line.trim_start();
    match text.strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &line[..line.len() - text.len()]).into(),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character of Unicode.
    fn all() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    #[test]
    fn no_character_of_unicode_acts_on_a_terminal() {
        let text: String = all().collect();
        let shown = Printable::of(&text);
        let acts = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
        assert_eq!(shown.as_str().chars().find(acts), None);
        for hidden in
            ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{fffe}', '\u{1ffff}', '\u{200b}', '\u{feff}', '\u{e0041}']
        {
            assert!(!shown.as_str().contains(hidden), "{hidden:?}");
        }
        for kept in ['a', 'ä', '–', '→', '…', '日', '🙂'] {
            assert_eq!(letter(kept), kept);
        }
    }

    #[test]
    fn workflow_commands_are_separated() {
        for (text, expected) in [
            ("::add-mask::x", ": :add-mask::x"),
            ("a\n \t::error::x\nb::c", "a\n \t: :error::x\nb::c"),
            ("log: ##[stop-commands]x", "log: # #[stop-commands]x"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("a\r::error::x", "a\u{fffd}::error::x"),
        ] {
            assert_eq!(Printable::of(text).as_str(), expected);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text: String = all().filter(|c| !matches!(c, '\0'..='\u{1f}' | '"' | '\\')).chain("##[x".chars()).collect();
        let shown = Printable::json(&format!("\"{text}\""));
        assert!(!shown.as_str().contains("##[") && shown.as_str().chars().all(|c| letter(c) == c));
        let units: Vec<u16> = unescaped(shown.as_str().trim_matches('"'));
        assert_eq!(String::from_utf16(&units).unwrap(), text);
    }

    /// Decodes `\uXXXX`.
    fn unescaped(text: &str) -> Vec<u16> {
        let mut units = Vec::new();
        let mut parts = text.split("\\u");
        units.extend(parts.next().unwrap().encode_utf16());
        for part in parts {
            units.push(u16::from_str_radix(&part[..4], 16).unwrap());
            units.extend(part[4..].encode_utf16());
        }
        units
    }

    #[test]
    fn only_own_escapes_are_kept() {
        let painted = Printable::of("PASS\u{1b}").emphasised(4, 32);
        assert_eq!(painted.as_str(), "\u{1b}[1;32mPASS\u{1b}[0m\u{fffd}");
        assert_eq!(Printable::of("ä").emphasised(1, 32).as_str(), "ä");
    }
}
