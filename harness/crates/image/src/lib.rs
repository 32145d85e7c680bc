//! Container images made from an executable, and facts about images. Works on files only, without a container engine.
//!
//! The dependencies of a program are read from its ELF file and those of its libraries, in the way the loader finds them.
//! Nothing is executed for that, neither `ldd` nor a shell.

mod build;
mod closure;
mod digest;
mod elf;
mod error;
mod facts;
mod layer;
mod look;
mod machine;
mod search;
mod store;
mod tar_reader;
mod tree;
pub mod types;

pub use build::{BuildRequest, Built, build};
pub use closure::{Closure, Library, closure};
pub use error::{BadBlob, Error, NoImage, NoPlace, NoProgram};
pub use facts::facts;
pub use machine::here as architecture;
