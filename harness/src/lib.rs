//! `harness` measures sidecars and proxies: no number without a check that it means what it says.
//!
//! Acting rooms make things happen and write down what happened; judging rooms read that record. They share only `measure`.
//! Imports go down only, and `tests/fast/floors.rs` checks it. What knows no scenario, stage or report is a crate of its own below.
//!
//! ```text
//! 5  main → cli                                   argv in, exit code out
//! 4  progress → run │ publish │ doctor │ calibrate
//! 3  plan                                         stages × instances × rounds × arms, every default filled
//! 2  scenario                                     the TOML as written
//! 1  report → verdict → baseline, interop         judging
//! 0  measure → spec                               plain data, pure rules; typed reading of TOML
//! ── crates: load, rig → image, stats, base
//! ```

pub mod measure;
pub mod spec;

pub mod baseline;
pub mod interop;
pub mod report;
pub mod verdict;

pub mod plan;
pub mod scenario;

pub mod calibrate;
pub mod cli;
pub mod doctor;
pub mod progress;
pub mod publish;
pub mod run;
