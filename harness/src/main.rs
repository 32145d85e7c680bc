//! The `harness` binary: argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::main(harness_base::clock::Mono::now())
}
