//! Makes the parts of a cell's name from its values. They become parts of metric ids, of which other tools accept letters, digits, `-` and
//! `_` everywhere.

/// The longest part.
const LONGEST: usize = 20;

/// Returns the part of each value: the value itself where it fits, with the last part of the key behind a bare number; otherwise that part
/// and the number of the value, from 1.
pub(super) fn all(key: &str, values: &[&str]) -> Vec<String> {
    let last = cleaned(key.rsplit('.').next().unwrap_or(key));
    let slugs: Vec<String> = values.iter().map(|value| of_value(&last, value)).collect();
    let fits = |slug: &String| !slug.is_empty() && slug.len() <= LONGEST;
    let unique = |index: usize| !slugs[..index].contains(&slugs[index]);
    if slugs.iter().all(fits) && (0..slugs.len()).all(unique) {
        return slugs;
    }
    (1..=values.len()).map(|number| format!("{last}{number}")).collect()
}

fn of_value(last: &str, value: &str) -> String {
    let slug = cleaned(value);
    match value {
        _ if slug.is_empty() => slug,
        "true" | "false" => format!("{last}-{slug}"),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("{slug}{last}"),
        _ => slug,
    }
}

/// Replaces what is not a letter, a digit or `-` by `_`, and removes it at both ends.
fn cleaned(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    text.chars().map(letter).collect::<String>().trim_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_recognised_in_names() {
        assert_eq!(all("upstream.builtin.body", &["1KiB", "1MiB"]), ["1KiB", "1MiB"]);
        assert_eq!(all("stage.capacity.vus", &["1", "64"]), ["1vus", "64vus"]);
        assert_eq!(all("request.path", &["/a/b", "/c?d=e"]), ["a_b", "c_d_e"]);
        assert_eq!(all("stage.x.paired", &["true", "false"]), ["paired-true", "paired-false"]);
        assert_eq!(all("stage.x.rate", &["500/s", "0.5/s"]), ["500_s", "0_5_s"]);
    }

    #[test]
    fn values_that_do_not_fit_are_numbered() {
        assert_eq!(all("request.path", &["/a", "a/"]), ["path1", "path2"]);
        assert_eq!(all("request.path", &["/", "/a"]), ["path1", "path2"]);
        assert_eq!(all("request.body", &["x", &"y".repeat(21)]), ["body1", "body2"]);
        assert_eq!(all("request.body", &["ü", "ö"]), ["body1", "body2"]);
    }
}
