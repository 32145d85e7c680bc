//! Implements `harness report`: renders a stored result, or the journal of a run that was killed.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use super::args::ReportArgs;
use super::error::{Error, print_note, print_text};
use super::shown::shown;
use crate::measure::Record;
use crate::measure::profile::Profile;
use crate::report::bundle::Bundle;
use crate::report::{self, Summary};
use crate::scenario;
use crate::verdict::{self, Context, Judgement, stored};
use harness_base::exit::Exit;
use harness_base::files;
use harness_base::units::Bytes;

/// Judges the record again, renders it, and writes the artifacts into `--out`. Returns the exit code of the verdict.
pub(super) fn report(args: &ReportArgs) -> Result<Exit, Error> {
    if let Some(archive) = args.bundle.as_ref().filter(|_| !args.result.is_dir()) {
        let (result, archive) = (args.result.clone(), archive.clone());
        return Err(Error::input(&NoFolder { result, archive }));
    }
    let opened = stored::open(&args.result).map_err(|error| Error::input(&error))?;
    let judgement = judged_again(&opened.record, opened.context);
    let folder =
        if args.result.is_dir() { args.result.as_path() } else { args.result.parent().unwrap_or(Path::new(".")) };
    let facts = &opened.record.scenario;
    let artifacts = args.artifacts.with(&scenario::artifacts(&facts.text, &facts.overrides));
    let summary = Summary::new(&opened.record, &judgement).in_folder(folder).partial(opened.partial).writing(artifacts);
    if let Some(out) = &args.out {
        report::write(&summary, out).map_err(|error| Error::tooling(&error))?;
        copy_profiles(&opened.record, folder, out).map_err(|error| Error::tooling(&error))?;
    }
    print_text(shown(&summary, &args.format, &args.detail)?);
    if let Some(archive) = &args.bundle {
        let packed = report::bundle::pack(folder, archive).map_err(|error| Error::tooling(&error))?;
        print_note(&described(&packed, archive));
    }
    args.github.write(&summary, folder)?;
    Ok(judgement.exit)
}

/// Only the folder of a run says which files belong to it.
#[derive(Debug, thiserror::Error)]
#[error("{} is not the folder of a run, so there is nothing to pack into {}; name the folder that `harness run` printed", result.display(), archive.display())]
struct NoFolder {
    result: PathBuf,
    archive: PathBuf,
}

/// Describes an archive and how to verify it.
fn described(packed: &Bundle, archive: &Path) -> String {
    let (file, Bundle { files, bytes, sha256 }) = (archive.display(), packed);
    format!("bundle  {file}: {files} files, {}, SHA-256 {sha256}\nverify  harness validate {file}", Bytes(*bytes))
}

/// A file that a report links to could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be copied to {}: {cause}; check with: df -h {}", from.display(), to.display(), to.display())]
struct Uncopied {
    from: PathBuf,
    to: PathBuf,
    cause: io::Error,
}

/// Copies the flame graphs of a run to another folder, because the reports link to them.
fn copy_profiles(record: &Record, folder: &Path, out: &Path) -> Result<(), Uncopied> {
    let profiles = record.stages.iter().filter_map(|stage| match &stage.profile {
        Some(Profile::Taken(taken)) => Some([&taken.graph, &taken.folded]),
        _ => None,
    });
    for name in profiles.flatten() {
        let (from, to) = (folder.join(name), out.join(name));
        let same = from.canonicalize().is_ok_and(|from| to.canonicalize().is_ok_and(|to| from == to));
        // They may have been deleted since. The folder may be that of a stranger, so no link leads out of it or out of the other one.
        if same || !is_below(name) || !is_real(folder, &from) {
            continue;
        }
        let copied = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            if !stays_below(out, &to) {
                return Err(io::Error::other("a symbolic link leads out of the folder"));
            }
            files::write_whole(&to, &files::read_bounded(&from)?)
        });
        copied.map_err(|cause| Uncopied { from, to, cause })?;
    }
    Ok(())
}

/// Returns whether a name from a file stays inside its folder.
fn is_below(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Returns whether `path` is a file, and no symbolic link, that really is below `folder`.
fn is_real(folder: &Path, path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file()) && stays_below(folder, path)
}

/// Returns whether the folder of `path` is below `folder` when symbolic links are resolved.
fn stays_below(folder: &Path, path: &Path) -> bool {
    let resolved = path.parent().map(Path::canonicalize).and_then(Result::ok);
    folder.canonicalize().is_ok_and(|folder| resolved.is_some_and(|parent| parent.starts_with(folder)))
}

/// Judges a stored record again, with the stored context.
pub(super) fn judged_again(record: &Record, context: Context) -> Judgement {
    let facts = &record.scenario;
    let claims = scenario::claims(&facts.text, &facts.overrides);
    let gates = verdict::gate::of_text(&facts.text, &facts.overrides);
    verdict::judge(record, &claims, verdict::Options { gates, context, ..verdict::Options::default() })
}
