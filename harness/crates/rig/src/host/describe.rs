//! Describes the tool and files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use harness_base::units::hexadecimal;
use sha2::{Digest, Sha256};

use super::data::ToolFacts;
use super::error::Error;

pub fn tool() -> ToolFacts {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    ToolFacts { version: env!("CARGO_PKG_VERSION").to_owned(), profile: profile.to_owned() }
}

/// Returns the size in bytes and the SHA-256 (hexadecimal) of a file.
///
/// # Errors
/// Returns [`Error::Unreadable`].
pub fn executable(path: &Path) -> Result<(u64, String), Error> {
    digest(path).map_err(|cause| Error::Unreadable { path: path.to_owned(), cause })
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => {
                hash.update(&piece[..length]);
                size += length as u64;
            }
        }
    }
    Ok((size, hexadecimal(&hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_described_by_the_bytes_in_it() {
        let own = std::env::current_exe().unwrap();
        let (size, sha256) = executable(&own).unwrap();
        assert_eq!(size, std::fs::metadata(&own).unwrap().len());
        let other = std::process::Command::new("sha256sum").arg(&own).output().unwrap();
        assert_eq!(String::from_utf8(other.stdout).unwrap().split_whitespace().next(), Some(sha256.as_str()));
        let said = executable(Path::new("/nonexistent/target")).unwrap_err().to_string();
        assert!(said.starts_with("/nonexistent/target cannot be read: "), "{said}");
    }
}
