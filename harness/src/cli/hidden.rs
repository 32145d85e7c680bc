//! Dispatches to the programs inside this binary: keeper, stopwatch, the start of programs between pipes, load generator, hub of a fleet, agent in a
//! pod, mock upstream, foreign hosts, relay, echo server, reference sidecar, reference command and image builder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mock_upstream::{command, echo, egress, relay, sidecar, upstream};

use super::agent::agent;
use super::error::{print_error, print_text, print_warning};
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::exit::Exit;
use harness_image::{self, BuildRequest};
use harness_rig::{keeper, stdio, stopwatch, target};

/// Runs the hidden program that argv names, if it names one.
pub(super) fn dispatch(argv: &[OsString], start: Mono) -> Option<ExitCode> {
    let program = argv.get(1)?.to_str()?;
    match program {
        "__keeper" => Some(keeper::main()),
        stopwatch::COMMAND => Some(stopwatch::main(argv.get(2..)?)),
        stdio::COMMAND => Some(stdio::main(argv.get(2..)?)),
        "__load" => Some(harness_load::child::main()),
        "__hub" => Some(harness_fleet::hub::main(argv.get(2..)?)),
        "__agent" => Some(in_pod(argv)),
        "__sweep" => {
            Some(target::sweep_main(argv.get(2)?.to_str()?, argv.get(3).is_some_and(|state| state == keeper::BUSY)))
        }
        "__upstream" => Some(bundled(argv, upstream::main_with)),
        "__echo" => Some(bundled(argv, echo::main_with)),
        "__egress" => Some(bundled(argv, egress::main_with)),
        "__relay" => Some(bundled(argv, relay::main_with)),
        "__command" => Some(bundled(argv, |args| command::main_with(&args, start))),
        "__image" => Some(image(argv)),
        "__sidecar" => Some(bundled(argv, |args| sidecar::main_with(args, start))),
        _ => None,
    }
}

/// Builds an image out of a program of this host, for `docker load`.
#[derive(Debug, Parser)]
#[command(name = "__image")]
struct ImageArgs {
    /// The program
    binary: PathBuf,
    /// Name of the image
    #[arg(long, value_name = "NAME")]
    tag: String,
    /// The archive to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn image(argv: &[OsString]) -> ExitCode {
    let args = match ImageArgs::try_parse_from(&argv[1..]) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let ImageArgs { binary: executable, tag, out } = &args;
    let (labels, tag) = (BTreeMap::new(), Some(tag.as_str()));
    match harness_image::build(&BuildRequest { executable, extra: &[], furnished: true, labels: &labels, tag, out }) {
        Ok(built) => {
            built.warnings.iter().for_each(|warning| print_warning(warning));
            print_text(format!("{}\n", built.id));
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_error(&chain(&error), None);
            ExitCode::from(Exit::InvalidInput.code())
        }
    }
}

/// Runs the agent in a pod.
fn in_pod(argv: &[OsString]) -> ExitCode {
    match agent(&argv[1..]) {
        Ok(done) => ExitCode::from(done.unwrap_or_else(|error| error.print()).code()),
        Err(error) => usage(&error),
    }
}

/// Runs a bundled program with the arguments after its name.
fn bundled<A: Parser>(argv: &[OsString], program: impl FnOnce(A) -> Result<(), mock_upstream::Error>) -> ExitCode {
    match A::try_parse_from(&argv[1..]) {
        Ok(args) => match program(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                print_error(&chain(&error), None);
                ExitCode::FAILURE
            }
        },
        Err(error) => usage(&error),
    }
}

/// Prints clap's message. Help and version go to stdout; everything else is an error in the arguments.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Pass.code() })
}
