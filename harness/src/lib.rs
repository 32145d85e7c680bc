//! `harness` measures sidecars and proxies; every number has a check that it is valid.
//!
//! The acting modules start programs and write a record; the judging modules read that record. They share only
//! `measure`. Modules import only modules below them, which `tests/fast/architecture.rs` checks. Code that knows no scenario,
//! stage or report is in separate crates.
//!
//! ```text
//! 6  main → cli                                   arguments in, exit code out
//! 5  progress, init → run │ publish │ doctor │ calibrate
//! 4  plan                                         stages × instances × rounds × arms, every default filled
//! 3  scenario                                     the TOML as written
//! 2  work                                         what a stage is planned to do
//! 1  report → verdict → baseline, interop         judging
//! 0  measure → spec                               plain data, pure rules; typed reading of TOML
//! stages/<kind>/                                  one folder per kind; its files belong to the modules above by name
//! ── crates: load, rig → image, stats, base
//! ```

#[macro_use]
pub mod stages;

pub mod measure;
pub mod spec;

pub mod baseline;
pub mod interop;
pub mod report;
pub mod verdict;

pub mod plan;
pub mod scenario;
pub mod work;

pub mod calibrate;
pub mod cli;
pub mod doctor;
pub mod init;
pub mod progress;
pub mod publish;
pub mod run;
