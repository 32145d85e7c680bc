//! Compares texts with files of this crate.

use std::path::Path;

/// Compares with a file of this crate; `UPDATE=1` writes it instead.
#[track_caller]
pub fn matches_file(path: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} differs; inspect it and write it with UPDATE=1:\n{found}", path.display());
}
