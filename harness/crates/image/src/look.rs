//! Determines the base of an image from its files.

use std::io::Read;

use super::tar_reader::{Kind, TarReader};
use crate::types::Base;

/// The number of bytes of os-release that are read.
const LONGEST: u64 = 1 << 16;
const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
const SHELLS: [&str; 6] = ["bin/sh", "usr/bin/sh", "bin/bash", "usr/bin/bash", "bin/busybox", "busybox/sh"];
const PACKAGES: [&str; 5] = ["var/lib/dpkg", "lib/apk/db", "usr/lib/apk/db", "var/lib/rpm", "usr/lib/sysimage/rpm"];

/// The relevant files in the layers that were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    os_release: Option<String>,
    shell: Option<String>,
    packages: Option<String>,
    files: u64,
    layers: u64,
    unread: Option<String>,
}

impl Look {
    /// Reads one layer, as far as it is a valid archive.
    pub(super) fn at(&mut self, layer: impl Read) {
        self.layers += 1;
        let mut tar_reader = TarReader::new(layer);
        if let Err(error) = self.through(&mut tar_reader) {
            self.unread(&format!("a layer cannot be read as an archive: {error}"));
        }
    }

    /// Records why a layer was not read.
    pub(super) fn unread(&mut self, why: &str) {
        self.unread.get_or_insert_with(|| why.to_owned());
    }

    fn through<R: Read>(&mut self, tar_reader: &mut TarReader<R>) -> std::io::Result<()> {
        while let Some(item) = tar_reader.next()? {
            let name = item.name.as_str();
            self.files += u64::from(item.kind != Kind::Other);
            if SHELLS.contains(&name) {
                self.shell = Some(format!("/{name}"));
            }
            if let Some(known) = PACKAGES.iter().find(|known| name.starts_with(**known)) {
                self.packages = Some(format!("/{known}"));
            }
            if item.kind == Kind::File && OS_RELEASE.contains(&name) {
                self.os_release =
                    Some(String::from_utf8_lossy(&tar_reader.content(item.size.min(LONGEST))?).into_owned());
            }
        }
        Ok(())
    }

    /// Returns the base and the evidence for it. The image's own label has priority over its files.
    pub(super) fn base(&self, labelled: Option<&str>) -> (Base, String) {
        if let Some(name) = labelled {
            return (named(name), format!("the image says that its base is {name}"));
        }
        if let Some(text) = &self.os_release {
            let name = value(text, "PRETTY_NAME").or_else(|| value(text, "ID"));
            return match name {
                Some(name) => (named(&name), format!("os-release in its files names {name}")),
                None => (Base::Unknown, "the os-release in its files has no name".to_owned()),
            };
        }
        let unknown = |evidence: String| (Base::Unknown, evidence);
        match (&self.unread, &self.shell, &self.packages) {
            (Some(why), ..) => unknown(why.clone()),
            (_, Some(shell), _) => unknown(format!("it has {shell} but no os-release")),
            (_, _, Some(packages)) => unknown(format!("it has {packages} but no os-release")),
            _ => {
                let (files, layers) = (self.files, self.layers);
                let message =
                    format!("no os-release, shell or package database among {files} files in {layers} layer(s)");
                (Base::Scratch, message)
            }
        }
    }
}

fn named(name: &str) -> Base {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "scratch" => Base::Scratch,
        _ if lower.contains("distroless") => Base::Distroless,
        _ => Base::Named(name.to_owned()),
    }
}

fn value(os_release: &str, key: &str) -> Option<String> {
    let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
}
