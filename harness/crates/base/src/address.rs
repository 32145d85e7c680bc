//! Where a server listens: a TCP port, or a unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest path of a unix socket, in bytes. The kernel stores it in 108 bytes, the last of which is 0 (unix(7)).
pub const LONGEST_PATH: usize = 107;

/// The prefix of a unix socket.
const UNIX: &str = "unix:";

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Address {
    Inet(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// The reason why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("`{0}` is not an address; write IP:PORT, or unix:/PATH for a unix socket")]
    Malformed(String),
    #[error(
        "the path of the unix socket {} has {} bytes, but the kernel allows {LONGEST_PATH}; choose a shorter path",
        .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
}

impl Address {
    /// Returns the address of the unix socket at `path`.
    ///
    /// # Errors
    /// Returns an error when the path is too long for a socket.
    pub fn unix(path: impl Into<PathBuf>) -> Result<Self, AddressError> {
        let path = path.into();
        if path.as_os_str().len() > LONGEST_PATH { Err(AddressError::TooLong(path)) } else { Ok(Self::Unix(path)) }
    }

    /// Returns the address of a TCP port.
    #[must_use]
    pub const fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Returns the path of a unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Inet(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Parses `127.0.0.1:80`, `[::1]:80` or `unix:/path/to.sock`; the path may have two more slashes, as in a URL.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.to_owned());
        match text.strip_prefix(UNIX) {
            Some(path) => {
                let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
                if path.is_empty() { Err(malformed()) } else { Self::unix(path) }
            }
            None => text.parse().map(Self::Inet).map_err(|_| malformed()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(out),
            Self::Unix(path) => write!(out, "{UNIX}{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in ["127.0.0.1:80", "[::1]:8080", "unix:/run/a.sock"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let unix: Address = "unix:///run/a.sock".parse().unwrap();
        assert_eq!(unix.path(), Some(Path::new("/run/a.sock")));
        for wrong in ["", "unix:", "localhost:80", "127.0.0.1", "/run/a.sock"] {
            let message = wrong.parse::<Address>().unwrap_err().to_string();
            assert!(message.contains("write IP:PORT, or unix:/PATH"), "{message}");
        }
    }

    #[test]
    fn a_path_that_the_kernel_cannot_store_is_refused() {
        let of = |length: usize| Address::unix(format!("/{}", "a".repeat(length - 1)));
        assert!(of(LONGEST_PATH).is_ok());
        let message = of(LONGEST_PATH + 1).unwrap_err().to_string();
        assert!(message.contains("has 108 bytes, but the kernel allows 107"), "{message}");
        let path = PathBuf::from(format!("/tmp/{}", "a".repeat(LONGEST_PATH - 5)));
        assert!(std::os::unix::net::SocketAddr::from_pathname(path).is_ok(), "the kernel's limit");
    }
}
