//! Guesses from the words in front of an address whether the program listens there or connects to it.

/// What the words in front of an address suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    Listen,
    Upstream,
    Absent,
}

const UPSTREAM: &[&str] =
    &["upstream", "backend", "proxy_pass", "reverse_proxy", "target", "origin", "forward", "dest", "remote", "server "];
const LISTEN: &[&str] = &["listen", "bind", "admin", "metrics", "health", "frontend", "serve", "addr", "port"];

/// Judges the words in front of an address. The nearest known word decides, and of two that begin at one place the longer one; a name such
/// as `upstream-port` is one word.
pub(super) fn hint(before: &str) -> Hint {
    let words = before.to_ascii_lowercase();
    let last = |known: &[&str]| known.iter().filter_map(|word| place(&words, word)).max();
    match (last(UPSTREAM), last(LISTEN)) {
        (None, None) => Hint::Absent,
        (upstream, listen) if upstream >= listen => Hint::Upstream,
        _ => Hint::Listen,
    }
}

/// Returns where the name begins that contains the last occurrence of `word`.
fn place(text: &str, word: &str) -> Option<usize> {
    let at = text.rfind(word)?;
    let front = text.get(..at)?;
    Some(front.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter)).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_decides() {
        for (before, expected) in [
            ("--listen ", Hint::Listen),
            ("--upstream=", Hint::Upstream),
            ("--upstream-port ", Hint::Upstream),
            ("--admin-addr", Hint::Listen),
            ("server { listen ", Hint::Listen),
            ("    server upstream ", Hint::Upstream),
            ("upstream behind { server ", Hint::Upstream),
            ("proxy_pass ", Hint::Upstream),
            ("bind ", Hint::Listen),
            ("reverse_proxy ", Hint::Upstream),
            ("--server-port ", Hint::Listen),
            ("", Hint::Absent),
            ("timeout ", Hint::Absent),
        ] {
            assert_eq!(hint(before), expected, "{before:?}");
        }
    }
}
