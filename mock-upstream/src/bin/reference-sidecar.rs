//! The reference sidecar as a program of its own.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use mock_upstream::clock::monotonic_ns;
use mock_upstream::healthy;
use mock_upstream::sidecar::{Args, main_with};

fn main() -> ExitCode {
    let main_ns = monotonic_ns();
    if let Some(answer) = healthy::asked() {
        return answer;
    }
    match main_with(Args::parse(), main_ns) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr leaves the exit code to tell.
            let _ = writeln!(std::io::stderr(), "reference-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}
