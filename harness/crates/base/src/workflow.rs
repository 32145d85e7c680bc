//! Workflow commands: lines that the runner of GitHub Actions obeys.

use crate::printable::{Printable, letter};

/// Level of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Workflow commands, one per line. Text in them cannot end a command or begin another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands(String);

impl Commands {
    /// Adds an annotation; an empty title is left out.
    pub fn annotate(&mut self, level: Level, title: &str, message: &str) {
        let title = data(title).replace(':', "%3A").replace(',', "%2C");
        let property = if title.is_empty() { title } else { format!(" title={title}") };
        self.0.push_str(&format!("::{}{property}::{}\n", level.word(), data(message)));
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Commands> for Printable {
    fn from(commands: Commands) -> Self {
        Self::own(commands.0)
    }
}

/// Escapes what would end a command.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A").replace("##[", "# #[");
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_begins_another_one() {
        let mut commands = Commands::default();
        commands.annotate(Level::Error, "a:b,c\n", "100 %\r\n::error::x ##[group]\u{1b}");
        commands.annotate(Level::Warning, "", "x");
        let expected = "::error title=a%3Ab%2Cc%0A::100 %25%0D%0A::error::x # #[group]\u{fffd}\n::warning::x\n";
        assert_eq!(commands.as_str(), expected);
        let all: String = ('\0'..=char::MAX).collect();
        let mut commands = Commands::default();
        commands.annotate(Level::Error, &all, &all);
        assert_eq!(commands.as_str().lines().count(), 1);
    }
}
