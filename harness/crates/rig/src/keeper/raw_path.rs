//! Writes paths into the packets between control and keeper. A path is any bytes, JSON only Unicode.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as a text, or as its bytes if it is none.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Raw<'a> {
    Text(std::borrow::Cow<'a, str>),
    Bytes(std::borrow::Cow<'a, [u8]>),
}

pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    let raw = match path.to_str() {
        Some(text) => Raw::Text(text.into()),
        None => Raw::Bytes(path.as_os_str().as_bytes().into()),
    };
    raw.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    Ok(match Raw::deserialize(from)? {
        Raw::Text(text) => PathBuf::from(text.into_owned()),
        Raw::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes.into_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held(#[serde(with = "super")] PathBuf);

    #[test]
    fn every_path_arrives_as_it_was() {
        for bytes in [&b"/tmp/a b"[..], b"", b"/\xff\xfe'\"\n", "/tmp/\u{e9}".as_bytes()] {
            let held = Held(PathBuf::from(OsString::from_vec(bytes.to_vec())));
            let text = serde_json::to_vec(&held).unwrap();
            assert_eq!(serde_json::from_slice::<Held>(&text).unwrap(), held);
        }
    }
}
