//! Parses the command line, runs the command and returns the exit code.

mod against;
mod agent;
mod args;
mod attempt;
mod baseline;
mod calibrate;
mod check;
mod clean;
mod cluster;
mod comment;
mod compare;
mod confirm;
mod convert;
mod doctor;
mod error;
mod fleet;
mod github;
mod hidden;
mod init;
mod keep;
mod measures;
mod measuring;
mod node;
mod one_command;
mod previous;
mod report;
mod run;
mod shell;
mod shown;
mod terminal;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::Error;
use harness_base::clock::Mono;
use harness_base::exit::Exit;

/// Runs the command that argv names. `start` is the moment at which `main` began; the reference sidecar measures its
/// own startup from it.
pub fn main(start: Mono) -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = hidden::dispatch(&argv, start) {
        return code;
    }
    let exit = match Cli::try_parse_from(argv) {
        Ok(cli) => command(cli.command).unwrap_or_else(|error| error.print()),
        Err(usage) => {
            // Help and version were requested; everything else is a mistake in the arguments.
            let asked_for = !usage.use_stderr();
            let _ = usage.print();
            if asked_for { Exit::Pass } else { Exit::Usage }
        }
    };
    ExitCode::from(exit.join(error::finish()).code())
}

fn command(command: Command) -> Result<Exit, Error> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Baseline(args) => baseline::baseline(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Fleet(args) => fleet::fleet(&args),
        Command::Init(args) => init::init(&args),
        Command::Report(args) => report::report(&args),
        Command::Comment(args) => comment::comment(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man => shell::man(),
        Command::Measures => measures::measures(),
        Command::Node(args) => node::node(&args),
        Command::Validate(args) => validate::validate(&args),
    }
}
