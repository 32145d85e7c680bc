//! The `harness` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::main(harness_base::clock::Mono::now())
}
