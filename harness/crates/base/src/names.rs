//! Checks names that come from files and become names of files and folders.

/// Largest length of a name in bytes.
const LONGEST: usize = 64;

/// Returns whether a text has 1 to 64 letters, digits, `-` or `_` of ASCII. Such a name is also valid as part of the id of a metric.
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits)
}

/// Returns whether a text has 1 to 64 letters, digits, `-`, `_` or `.` of ASCII and begins with a letter or digit, so that it names a
/// file in a folder and nothing else.
pub fn is_file_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= LONGEST
        && text.bytes().all(fits)
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_its_folder_is_not_a_name() {
        for name in ["main", "pr-7", "a_b", "20261120T183005Z-4f1c"] {
            assert!(is_name(name) && is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "/x", "a/b", "a\0b", "ü", "a b", &"a".repeat(65)] {
            assert!(!is_name(name) && !is_file_name(name), "{name:?}");
        }
        assert!(is_file_name("v1.2") && !is_name("v1.2") && !is_file_name(".v1"));
    }
}
