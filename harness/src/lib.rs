//! `harness` measures sidecars and proxies: no number without a check that it means what it says.
//!
//! Two wings and one hall. The *acting* wing makes things happen and writes down what happened; the *thinking* wing reads
//! that record and judges it. They share only the hall. Imports go down only; `tests/floors.rs` holds the house to it.
//!
//! ```text
//! 5  main → cli                                   argv in, exit code out
//! 4  progress → run │ publish │ doctor │ calibrate run drives the acting wing, returns the record; two look at the host
//! 3  plan                                         stages × instances × rounds × arms, every default filled
//! 2  scenario                                     the TOML as written
//! 1  cgroup keeper host image target probe sampler load │ report → verdict → stats, baseline, interop (acting │ thinking)
//! 0  measure → spec → units, clock;  exit   files                           pure data, pure rules, words; writing files
//! ```

pub mod clock;
pub mod exit;
pub mod files;
pub mod measure;
pub mod spec;
pub mod units;

pub mod cgroup;
pub mod host;
pub mod image;
pub mod keeper;
pub mod load;
pub mod probe;
pub mod sampler;
pub mod target;

pub mod baseline;
pub mod interop;
pub mod report;
pub mod stats;
pub mod verdict;

pub mod plan;
pub mod scenario;

pub mod calibrate;
pub mod cli;
pub mod doctor;
pub mod progress;
pub mod publish;
pub mod run;
