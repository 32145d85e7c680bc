//! Rust source as words and marks, without comments, the contents of literals, and test code.

/// A word or mark and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The token of every string or character literal.
pub const LITERAL: &str = "\"";

struct Lexer {
    source: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

/// Returns the tokens of `source`; `::` is one mark, every other mark one character.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source: source.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    while lexer.at < lexer.source.len() {
        lexer.next();
    }
    lexer.tokens
}

/// Returns the tokens without items marked `#[cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let window = tokens[at..].iter().take(MARK.len()).map(|token| token.text.as_str());
        if window.eq(MARK) {
            at = end_of_item(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Returns the position behind the item that begins at `at`: behind its `;`, or behind the brace that closes its body.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
        // A closing brace at the outermost level ends a body, but not the braces of a `use`, which end with `;`.
        if depth == 0 && tokens[at - 1].text == "}" && tokens.get(at).is_none_or(|next| next.text != ";") {
            return at;
        }
    }
    at
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.source.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek(0) == '\n' {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn push(&mut self, text: &str, line: usize) {
        self.tokens.push(Token { text: text.to_owned(), line });
    }

    fn next(&mut self) {
        let (here, ahead, line) = (self.peek(0), self.peek(1), self.line);
        match here {
            '/' if ahead == '/' => self.skip_while(|c| c != '\n'),
            '/' if ahead == '*' => self.block_comment(),
            '"' => self.text(),
            '\'' => self.quote(),
            c if c.is_alphanumeric() || matches!(c, '_' | '$') => self.word(),
            ':' if ahead == ':' => {
                self.skip(2);
                self.push("::", line);
            }
            c if c.is_whitespace() => self.skip(1),
            c => {
                self.skip(1);
                self.push(&c.to_string(), line);
            }
        }
    }

    fn skip_while(&mut self, goes_on: impl Fn(char) -> bool) {
        while self.at < self.source.len() && goes_on(self.peek(0)) {
            self.skip(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.source.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.skip(1);
                    continue;
                }
            }
            self.skip(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn text(&mut self) {
        let line = self.line;
        self.skip(1);
        while self.at < self.source.len() && self.peek(0) != '"' {
            self.skip(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.skip(1);
        self.push(LITERAL, line);
    }

    fn raw_text(&mut self, hashes: usize) {
        let line = self.line;
        let closing: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        self.skip(hashes + 1);
        while self.at < self.source.len() && !closing.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == c) {
            self.skip(1);
        }
        self.skip(closing.len());
        self.push(LITERAL, line);
    }

    /// A character, or the quote of a lifetime or label.
    fn quote(&mut self) {
        let line = self.line;
        if self.peek(1) == '\\' {
            self.skip(3);
            self.skip_while(|c| c != '\'');
            self.skip(1);
        } else if self.peek(2) == '\'' {
            self.skip(3);
        } else {
            self.skip(1);
            return;
        }
        self.push(LITERAL, line);
    }

    fn word(&mut self) {
        let (start, line) = (self.at, self.line);
        self.skip(1);
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let word: String = self.source[start..self.at].iter().collect();
        let hashes = self.source[self.at..].iter().take_while(|c| **c == '#').count();
        if matches!(word.as_str(), "r" | "br" | "cr") && self.peek(hashes) == '"' {
            self.raw_text(hashes);
        } else if word == "r" && hashes == 1 {
            self.skip(1);
        } else if !(matches!(word.as_str(), "b" | "c") && matches!(self.peek(0), '"' | '\'')) {
            self.push(&word, line);
        }
    }
}
