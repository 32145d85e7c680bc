//! The `harness` binary: argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::main(mock_upstream::clock::monotonic_ns())
}
