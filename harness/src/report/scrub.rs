//! Scrubs text for publication: removes paths of the machine, likely secrets, and Markdown syntax. A record can come
//! from a fork, so its content is not trusted.

/// Prefixes of tokens of well-known services.
const TOKENS: [&str; 10] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "bencher_user_", "bencher_run_", "eyJ"];

/// Names whose values are secret.
const NAMES: [&str; 7] = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization"];

/// Replacement of a secret.
const HIDDEN: &str = "***";

/// Returns at most `most` characters, without paths, secrets, line breaks and Markdown.
pub(super) fn public(text: &str, most: usize) -> String {
    // Removal never lengthens a text by much, so it is cut first; a record may contain a whole log.
    inert(&shortened(&private_removed(&shortened(text, most * 8)), most))
}

/// Returns at most `most` characters; the last one is `…` if the text was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

/// Shortens paths to `…/name`, and replaces secrets by `***` and control characters by spaces.
pub(super) fn private_removed(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut hide_next = false;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let shown = if hide_next && bare != "bearer" && bare != "basic" { HIDDEN.to_owned() } else { word_of(word) };
        // `Authorization: Bearer abc`, `Bearer abc`; after `token:` any value.
        hide_next = matches!(bare.as_str(), "bearer" | "basic")
            || (word.ends_with(':') && NAMES.iter().any(|name| bare.ends_with(name)));
        words.push(shown);
    }
    words.join(" ")
}

fn word_of(word: &str) -> String {
    let word = without_userinfo(&without_value(word));
    if TOKENS.iter().any(|token| begins_within(&word, token)) { HIDDEN.to_owned() } else { without_paths(&word) }
}

/// Returns whether `token` begins within the word, not in the middle of a longer name, and is followed by something.
fn begins_within(word: &str, token: &str) -> bool {
    word.match_indices(token).any(|(at, _)| {
        let before = word[..at].chars().next_back();
        let behind = word[at + token.len()..].chars().take_while(|c| c.is_alphanumeric() || "_-.".contains(*c)).count();
        before.is_none_or(|c| !c.is_alphanumeric()) && behind >= 8
    })
}

/// Removes the value from `API_TOKEN=abc`.
fn without_value(word: &str) -> String {
    let Some((key, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) else {
        return word.to_owned();
    };
    let secret = NAMES.iter().any(|name| key.to_lowercase().contains(name));
    if secret { format!("{key}={HIDDEN}") } else { format!("{key}={value}") }
}

/// Removes user and password from `https://user:password@host`.
fn without_userinfo(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => word.to_owned(),
    }
}

/// Shortens every absolute path of two or more components, and every path that begins with `~/`, `./` or `../`, to
/// `…/name`.
fn without_paths(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let length = path_at(&chars, at);
        if length == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let path: String = chars[at..at + length].iter().collect();
        let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        out.push_str("…/");
        out.push_str(name);
        at += length;
    }
    out
}

/// Returns the length of the path that begins at `at`; 0 if none does.
fn path_at(chars: &[char], at: usize) -> usize {
    let inside = |c: char| c.is_alphanumeric() || "/._-+@~%#".contains(c);
    // A slash inside a name, a metric id or an address begins no path; `file:///x` is a path nevertheless.
    let joined = at > 0 && (inside(chars[at - 1]) || chars[at - 1] == '…');
    if joined {
        return 0;
    }
    let length = chars[at..].iter().take_while(|c| inside(**c)).count();
    let text: String = chars[at..at + length].iter().collect();
    let address = at > 0 && chars[at - 1] == ':' && text.starts_with("//") && !text.starts_with("///");
    let relative = ["~/", "./", "../"].iter().any(|start| text.starts_with(start));
    let absolute = text.starts_with('/') && text.split('/').filter(|part| !part.is_empty()).count() >= 2;
    if (absolute && !address) || relative { length } else { 0 }
}

/// Neutralises Markdown, HTML, links and mentions: special characters are escaped or separated.
fn inert(text: &str) -> String {
    const APART: char = '\u{200b}';
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '@' | '#' => {
                out.push(c);
                out.push(APART);
            }
            ':' if rest.peek() == Some(&'/') => {
                out.push(c);
                out.push(APART);
            }
            'w' | 'W' if rest.peek().is_some_and(|next| next.eq_ignore_ascii_case(&'w')) => {
                out.push(c);
                out.push(APART);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_keep_their_last_name_only() {
        for (text, expected) in [
            ("/opt/gate/bin/gate died", "…/gate died"),
            ("'/home/ann/x.toml' and (/tmp/y/z)", "'…/x.toml' and (…/z)"),
            ("env LD=/opt/lib/a:/opt/lib/b", "env LD=…/a:…/b"),
            ("file:///home/ann/x", "file:…/x"),
            ("~/key ./a/b ../c", "…/key …/b …/c"),
            ("latency/p50 of overhead/latency_p50@a", "latency/p50 of overhead/latency_p50@a"),
            ("http://127.0.0.1:8080/health/live", "http://127.0.0.1:8080/health/live"),
            ("`/result` is missing", "`/result` is missing"),
        ] {
            assert_eq!(private_removed(text), expected, "{text}");
        }
    }

    #[test]
    fn secrets_are_hidden() {
        for text in [
            "Authorization: Bearer s3cr3tvalue",
            "token ghp_s3cr3tvalue0123456789 refused",
            "GITHUB_TOKEN=s3cr3tvalue",
            "https://ann:s3cr3tvalue@proxy:3128/x",
            "\"password\": s3cr3tvalue",
            "x=bencher_run_s3cr3tvalue",
        ] {
            let shown = private_removed(text);
            assert!(!shown.contains("s3cr3tvalue") && shown.contains(HIDDEN), "{text} → {shown}");
        }
        assert_eq!(private_removed("a\nb\u{7}c\td"), "a b c d");
    }

    #[test]
    fn nothing_acts_as_markdown() {
        let shown = public("@team [x](https://evil.example) ![i](http://x) <img src=x> a|b `c` www.evil.example", 999);
        for part in ["@team", "[x](", "://", "<img", "www.", " `c"] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
        assert_eq!(public("abcdef", 4), "abc…");
    }

    proptest! {
        #[test]
        fn no_absolute_path_survives(before in "[ a-z\"'(=:,]{0,6}", path in "(/[a-z0-9_.-]{2,8}){2,5}", after in "[ \"'),:;]{0,3}[a-z ]{0,6}") {
            // A slash that follows a letter or a digit belongs to a name such as `latency/p50`.
            prop_assume!(!before.ends_with(|c: char| c.is_alphanumeric()));
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let shown = private_removed(&format!("{before}{path}{after}"));
            prop_assert!(!shown.contains(folder), "{}", shown);
        }
    }
}
