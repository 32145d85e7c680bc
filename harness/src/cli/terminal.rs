//! Colours the verdict on a terminal, unless NO_COLOR or TERM forbids it.

use std::io::IsTerminal;

use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Colours the verdict at the start of `text`, if stdout supports colours.
pub(super) fn coloured(text: &str, exit: Exit) -> Printable {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if wanted(std::io::stdout().is_terminal(), &variable("NO_COLOR"), &variable("TERM")) {
        painted(text, exit)
    } else {
        Printable::of(text)
    }
}

/// Follows <https://no-color.org>: any non-empty NO_COLOR disables colours.
fn wanted(terminal: bool, no_color: &str, term: &str) -> bool {
    terminal && no_color.is_empty() && term != "dumb"
}

fn painted(text: &str, exit: Exit) -> Printable {
    let colour = match exit {
        Exit::Pass => 32,
        Exit::Invalid | Exit::Interrupted => 33,
        Exit::Regressed | Exit::TargetFailed | Exit::InvalidInput | Exit::Usage => 31,
    };
    Printable::of(text).emphasised(exit.word().len(), colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_of_people_who_want_them() {
        assert!(wanted(true, "", "xterm-256color"));
        for (terminal, no_color, term) in
            [(false, "", "xterm"), (true, "1", "xterm"), (true, "0", "xterm"), (true, "", "dumb")]
        {
            assert!(!wanted(terminal, no_color, term), "{terminal} {no_color} {term}");
        }
        let shown = painted("PASS: 3 metrics\n", Exit::Pass);
        assert_eq!(shown.as_str(), "\u{1b}[1;32mPASS\u{1b}[0m: 3 metrics\n");
    }
}
