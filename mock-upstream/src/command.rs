//! The reference command: a program that runs to its end, whose costs and failures are set by flags.
//!
//! It prints a line `truth {…}` with what it really did by its own clocks, so that tests can compare a measurement with it.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use serde::Serialize;

use crate::clock::burn;
use crate::error::Error;
use crate::flags::{parse_duration, parse_size};

/// Bytes that are written by one call.
const CHUNK: usize = 64 * 1024;
/// Size of a page of memory, in bytes.
const PAGE: usize = 4096;

/// Runs to its end, with costs and failures that flags set.
#[derive(Debug, Clone, Parser)]
#[command(name = "reference-command", version)]
pub struct Args {
    /// Sleep for this long
    #[arg(long, value_parser = parse_duration, default_value = "0")]
    pub sleep: Duration,
    /// Use this much CPU time
    #[arg(long, value_parser = parse_duration, default_value = "0")]
    pub burn: Duration,
    /// Allocate this much memory and touch every page of it
    #[arg(long, value_parser = parse_size, default_value = "0")]
    pub allocate: usize,
    /// Write this many bytes
    #[arg(long, value_parser = parse_size, default_value = "0")]
    pub write: usize,
    /// The file that is written
    #[arg(long, default_value = "written")]
    pub to: PathBuf,
    /// Exit code of the runs that fail
    #[arg(long, default_value_t = 0)]
    pub exit_code: u8,
    /// With --counter: fail in every Nth run instead of in each
    #[arg(long, requires = "counter", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,
    /// The file that counts the runs by its size
    #[arg(long)]
    pub counter: Option<PathBuf>,
}

/// The truth about a run, in nanoseconds.
#[derive(Debug, Serialize)]
struct Truth {
    /// From the start of `main` until this report.
    main_ns: u64,
    burnt_ns: u64,
}

/// Runs the whole program, which began at `main`. Exits from here with the exit code of a run that fails.
///
/// # Errors
/// Returns an error when a file cannot be written.
pub fn main_with(args: &Args, main: Mono) -> Result<(), Error> {
    let fails = args.fails().map_err(Error::setup("the counter of runs"))?;
    let memory = touched(args.allocate);
    let burnt = if args.burn.is_zero() { Nanos::ZERO } else { burn(Nanos::of(args.burn)) };
    std::thread::sleep(args.sleep);
    args.write_file().map_err(Error::setup("the written file"))?;
    black_box(&memory);
    let truth = Truth { main_ns: Mono::now().since(main).0, burnt_ns: burnt.0 };
    let text = serde_json::to_string(&truth).unwrap_or_default();
    // Without a stdout there is no truth to print.
    let _ = writeln!(io::stdout(), "truth {text}");
    if fails {
        std::process::exit(args.exit_code.into());
    }
    Ok(())
}

impl Args {
    /// Counts this run, and returns whether it fails.
    fn fails(&self) -> io::Result<bool> {
        let Some(counter) = &self.counter else { return Ok(true) };
        let mut file = OpenOptions::new().create(true).append(true).open(counter)?;
        file.write_all(b".")?;
        Ok(file.metadata()?.len().is_multiple_of(self.every))
    }

    fn write_file(&self) -> io::Result<()> {
        if self.write == 0 {
            return Ok(());
        }
        let (mut file, chunk) = (File::create(&self.to)?, vec![b'x'; CHUNK]);
        let mut left = self.write;
        while left > 0 {
            let part = &chunk[..left.min(CHUNK)];
            file.write_all(part)?;
            left -= part.len();
        }
        Ok(())
    }
}

/// Allocates memory and touches its pages.
fn touched(size: usize) -> Vec<u8> {
    let mut memory = vec![0_u8; size];
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    memory
}
