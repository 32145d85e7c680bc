//! The environment of the processes that the keeper starts.

use std::path::Path;

/// Returns the environment of a process: the current `PATH` and `HOME`, `TMPDIR` in the run's scratch folder, and `extra`, which has
/// priority. Other variables, such as those of proxies, are not inherited.
pub fn clean_env(scratch: &Path, extra: &[(String, String)]) -> Vec<(String, String)> {
    let inherited = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    let tmp = ("TMPDIR".to_owned(), scratch.to_string_lossy().into_owned());
    let base = inherited.chain([tmp]).filter(|(name, _)| extra.iter().all(|(other, _)| other != name));
    base.chain(extra.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_three_variables_and_the_extra_ones() {
        let extra = [("HOME".to_owned(), "/nowhere".to_owned()), ("RUST_LOG".to_owned(), "error".to_owned())];
        let env = clean_env(Path::new("/scratch"), &extra);
        let mut names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "RUST_LOG", "TMPDIR"]);
        assert!(env.contains(&("HOME".to_owned(), "/nowhere".to_owned())));
        assert!(env.contains(&("TMPDIR".to_owned(), "/scratch".to_owned())));
    }
}
