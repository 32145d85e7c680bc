//! Implements `harness doctor`: examines the host without starting a target.

use super::args::{DoctorArgs, DoctorFormat};
use super::error::{Error, print_text};
use crate::doctor;
use harness_base::exit::Exit;
use harness_base::printable::Printable;
use harness_base::units::Nanos;

/// Examines the host and prints the result. A poor host is not a failure.
pub(super) fn doctor(args: &DoctorArgs) -> Result<Exit, Error> {
    let window = Nanos::from_secs(args.seconds);
    let found = doctor::examine(&args.out, window).map_err(|error| Error::tooling(&error))?;
    match args.format {
        DoctorFormat::Table => print_text(doctor::table(&found)),
        DoctorFormat::Json => {
            let json = serde_json::to_string_pretty(&found).map_err(|error| Error::tooling(&error))?;
            print_text(Printable::json(&(json + "\n")));
        }
    }
    Ok(Exit::Pass)
}
