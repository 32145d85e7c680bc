//! Paths named in a source file.

use super::lexer::Token;

/// A path from the root of the crate, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub segments: Vec<String>,
    pub line: usize,
}

/// Returns every path into the crate that `tokens`, the source of `module`, names: `crate::…`, `super::…` and
/// `self::…`, in `use` lines (nested groups included) and in the middle of the code, and `<own name>::…` of the binary.
pub fn into_the_crate(tokens: &[Token], module: &[String]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut place = Place { module: module.to_vec(), braces: Vec::new() };
    for at in 0..tokens.len() {
        place.pass(tokens, at);
        let roots = ["crate", "super", "self", "harness"];
        let inner = at > 0 && tokens[at - 1].text == "::";
        let leads = tokens.get(at + 1).is_some_and(|next| next.text == "::");
        if roots.contains(&tokens[at].text.as_str()) && leads && !inner {
            collect(tokens, at, Vec::new(), &mut |path| {
                found.push(Path { segments: absolute(&path.segments, &place.module), line: path.line });
            });
        }
    }
    found
}

/// Does the same as [`into_the_crate`], with the paths that begin with a module whose file `module` declares.
pub fn into_files(tokens: &[Token], module: &[String]) -> Vec<Path> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let declares = |at: &usize| text(*at) == "mod" && text(*at + 2) == ";";
    let children: Vec<&str> = (0..tokens.len()).filter(declares).map(|at| text(at + 1)).collect();
    let leads =
        |at: &usize| children.contains(&text(*at)) && text(*at + 1) == "::" && (*at == 0 || text(*at - 1) != "::");
    let mut found = into_the_crate(tokens, module);
    for at in (0..tokens.len()).filter(leads) {
        collect(tokens, at, module.to_vec(), &mut |path| found.push(path));
    }
    found
}

/// Returns every line that uses the foreign crate `name`.
pub fn lines_using(tokens: &[Token], name: &str) -> Vec<usize> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let used = |at: &usize| {
        let before = if *at > 0 { text(*at - 1) } else { "" };
        text(*at) == name && before != "::" && (text(*at + 1) == "::" || before == "use")
    };
    (0..tokens.len()).filter(used).map(|at| tokens[at].line).collect()
}

/// Where in the file we are: modules written inside it lie one deeper.
struct Place {
    module: Vec<String>,
    /// For each open brace, whether it opened a module.
    braces: Vec<bool>,
}

impl Place {
    fn pass(&mut self, tokens: &[Token], at: usize) {
        match tokens[at].text.as_str() {
            "{" => {
                let opens = at >= 2 && tokens[at - 2].text == "mod";
                if opens {
                    self.module.push(tokens[at - 1].text.clone());
                }
                self.braces.push(opens);
            }
            "}" if self.braces.pop() == Some(true) => drop(self.module.pop()),
            _ => {}
        }
    }
}

/// Follows the path at `at`, with one call for every branch of a group. Returns the position behind it.
fn collect(tokens: &[Token], mut at: usize, mut segments: Vec<String>, found: &mut impl FnMut(Path)) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let line = tokens.get(at).map_or(0, |token| token.line);
    loop {
        if text(at) == "{" {
            at += 1;
            while !matches!(text(at), "}" | "") {
                at = if text(at) == "," { at + 1 } else { collect(tokens, at, segments.clone(), found) };
            }
            return at + 1;
        }
        segments.push(text(at).to_owned());
        if text(at + 1) == "::" && text(at + 2) != "<" {
            at += 2;
        } else {
            found(Path { segments, line });
            // Behind `name as other` too.
            return if text(at + 1) == "as" { at + 3 } else { at + 1 };
        }
    }
}

fn absolute(segments: &[String], module: &[String]) -> Vec<String> {
    let mut at = module.to_vec();
    for segment in segments {
        match segment.as_str() {
            "crate" | "harness" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            name => at.push(name.to_owned()),
        }
    }
    at
}
