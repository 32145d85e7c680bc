//! Implements `harness calibrate`: measures the host and stores the calibration.

use std::path::{Path, PathBuf};

use super::args::{CalibrateArgs, CalibrateFormat};
use super::error::{Error, print_error, print_text};
use super::keep;
use super::measuring::Measuring;
use super::run::alone;
use crate::calibrate;
use crate::measure::Calibration;
use crate::measure::stored_calibration as calibration;
use crate::plan::Plan;
use crate::report::Summary;
use crate::run::Home;
use crate::scenario::Setting;
use crate::verdict::{self, Judgement, Stored};
use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Measures the host, stores the valid parts, prints them, and returns the exit code of the run. INVALID parts are not
/// stored.
pub(super) fn calibrate(args: &CalibrateArgs) -> Result<Exit, Error> {
    keep::outlive_the_file_limit();
    let settings: Vec<Setting> = args.set.iter().map(Setting::new).collect();
    let [direct, sidecar] = calibrate::plans(args.quick, &settings).map_err(|error| Error::input(&error))?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => calibration::place().map_err(|error| Error::tooling(&error))?,
    };
    calibration::make_room(&path).map_err(|error| Error::tooling(&error))?;
    let _alone = alone()?;
    let measuring = Measuring::begin(&direct, false)?;
    let (first, home) = measured(&measuring, &direct, &path)?;
    let second = match first.judgement.exit {
        Exit::Pass | Exit::Invalid => Some(measured(&measuring, &sidecar, &path)?),
        _ => None,
    };
    let found = calibrate::assess(
        (&first.record, &first.judgement),
        second.as_ref().map(|(second, _)| (&second.record, &second.judgement)),
    );
    // The run whose exit code counts is the one that went wrong.
    let (stored, home) = second.filter(|(second, _)| second.judgement.exit != Exit::Pass).unwrap_or((first, home));
    finish(&found, &stored.judgement, &path, args.format, &home)
}

/// Measures one of the scenarios and writes its record and reports beside the calibration.
fn measured(measuring: &Measuring, plan: &Plan, path: &Path) -> Result<(Stored, Home), Error> {
    let home = Home::make(&beside(path), &plan.scenario.name).map_err(|error| Error::tooling(&error))?;
    let record = measuring.run(plan, &home, &[])?;
    let judgement = verdict::judge(&record, &[], verdict::Options::default());
    let stored = Stored::new(record, judgement).map_err(|error| Error::tooling(&error))?;
    let summary = Summary::new(&stored.record, &stored.judgement).in_folder(&home.shown);
    keep::write(&stored, &summary, &home)?;
    Ok((stored, home))
}

/// Returns the folder of the file; `.` for a bare name.
fn beside(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Writes and prints the calibration. A run that was stopped or failed does not replace an earlier calibration.
fn finish(
    found: &Calibration,
    judgement: &Judgement,
    path: &Path,
    format: CalibrateFormat,
    home: &Home,
) -> Result<Exit, Error> {
    let exit = judgement.exit;
    if found.is_empty() || !matches!(exit, Exit::Pass | Exit::Invalid) {
        let hint = format!("no calibration was written; inspect it with: harness report {}", home.shown.display());
        print_error(&judgement.headline(), Some(&hint));
        return Ok(exit);
    }
    calibration::write(found, path).map_err(|error| Error::tooling(&error))?;
    match format {
        CalibrateFormat::Table => print_text(calibrate::table(found, path)),
        CalibrateFormat::Json => {
            let json = serde_json::to_string_pretty(found).map_err(|error| Error::tooling(&error))?;
            print_text(Printable::json(&(json + "\n")));
        }
    }
    if exit == Exit::Invalid {
        let hint = "the absent values are INVALID; stop other programs on this host (see harness doctor), then run: \
            harness calibrate";
        print_error(&judgement.headline(), Some(hint));
    }
    Ok(exit)
}
