//! Validates the archive of a run: the digests of all files, and each artifact in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry};

use super::{Fault, faults_of, is_artifact, kind};
use crate::report::bundle::{RUN, SUMS};
use harness_base::files::LARGEST;
use harness_base::units::hexadecimal;

/// The most files of an archive.
const MOST: usize = 10_000;

/// Lists what is wrong with an archive.
pub(super) fn faults(path: &Path) -> Vec<Fault> {
    match contents(path) {
        Ok(mut contents) => match contents.remove(SUMS) {
            Some(sums) => of_contents(&sums, &contents),
            None => vec![Fault::whole(format!("it has no {SUMS}, so nothing can be verified"))],
        },
        Err(error) => vec![Fault::whole(format!("it cannot be read: {error}"))],
    }
}

/// Reads every file of an archive by its name.
fn contents(path: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = Archive::new(GzDecoder::new(File::open(path)?));
    let mut contents = BTreeMap::new();
    let mut total = 0;
    for entry in archive.entries()? {
        let (name, content) = content(entry?)?;
        total += content.len() as u64;
        if total > 8 * LARGEST || contents.len() == MOST {
            return Err(io::Error::other(format!("it has more than {} MiB or {MOST} files", (8 * LARGEST) >> 20)));
        }
        if contents.insert(name.clone(), content).is_some() {
            return Err(io::Error::other(format!("{name} is in it twice")));
        }
    }
    Ok(contents)
}

fn content(mut entry: Entry<'_, impl Read>) -> io::Result<(String, Vec<u8>)> {
    let path = entry.path()?.into_owned();
    let is_plain =
        entry.header().entry_type().is_file() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let name = path.to_str().filter(|_| is_plain).map(ToOwned::to_owned);
    let name =
        name.ok_or_else(|| io::Error::other(format!("{} is not a plain file below the archive", path.display())))?;
    let mut content = Vec::new();
    entry.by_ref().take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("{name} has more than {} MiB", LARGEST >> 20)));
    }
    Ok((name, content))
}

fn of_contents(sums: &[u8], contents: &BTreeMap<String, Vec<u8>>) -> Vec<Fault> {
    let text = String::from_utf8_lossy(sums);
    let listed: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    let mut faults = Vec::new();
    let missing = listed.keys().filter(|name| !contents.contains_key(**name));
    faults.extend(missing.map(|name| Fault::whole(format!("{name} is in {SUMS} and not in the archive"))));
    for (name, content) in contents {
        let found = hexadecimal(&Sha256::digest(content));
        match listed.get(name.as_str()) {
            None => faults.push(Fault::whole(format!("{name} is not in {SUMS}"))),
            Some(sum) if **sum != *found => {
                faults.push(Fault::whole(format!("{name} was modified: its SHA-256 is {found}, {SUMS} has {sum}")));
            }
            Some(_) => faults.extend(of_file(name, content)),
        }
    }
    if !contents.keys().any(|name| name.starts_with(&format!("{RUN}/"))) {
        faults.push(Fault::whole("it contains no run"));
    }
    faults
}

/// Lists what is wrong with an artifact, with the name of the file in front.
fn of_file(name: &str, content: &[u8]) -> Vec<Fault> {
    let path = Path::new(name);
    if !path.starts_with(RUN) || path.components().count() > 3 || !is_artifact(path) {
        return Vec::new();
    }
    let faults = match std::str::from_utf8(content).map_err(|error| error.to_string()) {
        Ok(text) => match kind::recognise(path, text) {
            Ok(kind) => faults_of(kind, text, path),
            Err(why) => vec![Fault::whole(format!("its kind is unknown: it is {}", why.0))],
        },
        Err(error) => vec![Fault::whole(error)],
    };
    let named = |fault: Fault| Fault { message: format!("{name}: {}", fault.message), ..fault };
    faults.into_iter().map(named).collect()
}
