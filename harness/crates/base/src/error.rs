//! Formats errors with their causes.
//!
//! An error either shows its cause in its text (because a hint follows it) or exposes it as its `source`, never both. The texts of
//! a chain therefore do not repeat each other.

use std::error::Error;

/// Returns the texts of an error and of its causes, the outermost first.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

/// Formats an error with its causes: `cannot write x: no space left`.
pub fn chain(error: &dyn Error) -> String {
    causes(error).join(": ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("the port cannot be parsed")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_chain_contains_every_cause_once() {
        let outer = Outer("x".parse::<u16>().unwrap_err());
        assert_eq!(causes(&outer), ["the port cannot be parsed", "invalid digit found in string"]);
        assert_eq!(chain(&outer), "the port cannot be parsed: invalid digit found in string");
    }
}
