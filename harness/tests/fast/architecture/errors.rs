//! An error either shows its cause in its text or exposes it as its `source`, so that a printed chain repeats nothing.

use super::{Source, complaints, holds};

/// Errors whose text contains the cause that they also return as their source.
fn shown_and_exposed(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut line = 1;
    for (at, part) in source.text.split("#[error(").enumerate() {
        let (text, item) = part.split_once(")]\n").unwrap_or((part, ""));
        let item = item.split("#[error(").next().unwrap_or(item);
        let end = ["\n    },", "),\n", " },\n", ";\n", "\n}\n"].iter().filter_map(|end| item.find(end)).min();
        let item = &item[..end.map_or(item.len(), |end| end + 4).min(item.len())];
        let named = item.contains("source:") && (text.contains("{source") || text.contains("(source"));
        let marked = (item.contains("#[from]") || item.contains("#[source]")) && text.contains("{0");
        if at > 0 && (named || marked) {
            found.push(format!("{}: this error shows its source; see harness_base::error", source.at(line)));
        }
        line += part.matches('\n').count();
    }
    found
}

#[test]
fn an_error_shows_its_cause_or_exposes_it() {
    holds(shown_and_exposed);
    let wrong = [
        "enum E {\n    #[error(\"x: {source}; do y\")]\n    A { source: io::Error },\n}\n",
        "enum E {\n    #[error(\"x: {0}\")]\n    A(#[from] io::Error),\n}\n",
        "enum E {\n    #[error(\"x\")]\n    A,\n    #[error(\"x: {0}\")]\n    B(#[source] io::Error),\n}\n",
    ];
    for text in wrong {
        assert_eq!(complaints(shown_and_exposed, "run.rs", text).len(), 1, "{text}");
    }
    let right = [
        "enum E {\n    #[error(\"x: {cause}; do y\")]\n    A { cause: io::Error },\n}\n",
        "enum E {\n    #[error(\"x\")]\n    A(#[from] io::Error),\n    #[error(\"{0}\")]\n    B(String),\n}\n",
        "enum E {\n    #[error(\"{0:?}\")]\n    B(String),\n    #[error(transparent)]\n    A(#[from] io::Error),\n}\n",
    ];
    for text in right {
        assert_eq!(complaints(shown_and_exposed, "run.rs", text), [""; 0], "{text}");
    }
}
