//! Colours the verdict on a terminal, unless NO_COLOR or TERM forbids it.

use std::io::IsTerminal;

use harness_base::exit::Exit;

/// Colours the verdict at the start of `text`, if stdout supports colours.
pub(super) fn coloured(text: &str, exit: Exit) -> String {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if wanted(std::io::stdout().is_terminal(), &variable("NO_COLOR"), &variable("TERM")) {
        painted(text, exit)
    } else {
        text.to_owned()
    }
}

/// Follows <https://no-color.org>: any non-empty NO_COLOR disables colours.
fn wanted(terminal: bool, no_color: &str, term: &str) -> bool {
    terminal && no_color.is_empty() && term != "dumb"
}

fn painted(text: &str, exit: Exit) -> String {
    let colour = match exit {
        Exit::Pass => 32,
        Exit::Invalid | Exit::Interrupted => 33,
        Exit::Regressed | Exit::TargetFailed | Exit::InvalidInput | Exit::Usage => 31,
    };
    let (word, rest) = text.split_at_checked(exit.word().len()).unwrap_or((text, ""));
    format!("\u{1b}[1;{colour}m{word}\u{1b}[0m{rest}")
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
        assert_eq!(painted("PASS: 3 metrics\n", Exit::Pass), "\u{1b}[1;32mPASS\u{1b}[0m: 3 metrics\n");
    }
}
