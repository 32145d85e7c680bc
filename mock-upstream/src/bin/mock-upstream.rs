//! The mock upstream as a program of its own.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use mock_upstream::healthy;
use mock_upstream::upstream::{Args, main_with};

fn main() -> ExitCode {
    if let Some(answer) = healthy::asked() {
        return answer;
    }
    match main_with(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr leaves the exit code to tell.
            let _ = writeln!(std::io::stderr(), "mock-upstream: {error}");
            ExitCode::FAILURE
        }
    }
}
