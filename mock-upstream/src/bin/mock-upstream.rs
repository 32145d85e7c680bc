//! The mock upstream as a program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use mock_upstream::healthy;
use mock_upstream::upstream::{Args, main_with};

fn main() -> ExitCode {
    if let Some(answer) = healthy::check_if_requested() {
        return answer;
    }
    match main_with(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(std::io::stderr(), "mock-upstream: {error}");
            ExitCode::FAILURE
        }
    }
}
