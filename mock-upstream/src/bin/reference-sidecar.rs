//! The reference sidecar as a program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use harness_base::clock::Mono;
use mock_upstream::healthy;
use mock_upstream::sidecar::{Args, main_with};

fn main() -> ExitCode {
    let main = Mono::now();
    if let Some(answer) = healthy::check_if_requested() {
        return answer;
    }
    match main_with(Args::parse(), main) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(std::io::stderr(), "reference-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}
