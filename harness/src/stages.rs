//! The kinds of stages: a folder and a row for each.
//!
//! `each_kind!` hands the list to a macro that generates an enum with one variant per kind, or a dispatcher over them: the kinds'
//! names (`measure/kind.rs`), their planned work (`work.rs`), how they are read (`scenario/stage.rs`) and how they run (`run.rs`).
//! A folder holds everything about its kind; the name of a file says which part:
//!
//! | file | holds | floor |
//! |---|---|---|
//! | `work.rs` | what is planned: description, duration, short form | `work` |
//! | `spec.rs` | how the TOML section is read | `scenario` |
//! | `run.rs` | how the stage runs | `run` |

/// Calls a macro with the name of every kind as a variant and as a module, in the order in which `docs/metrics.md` lists them.
macro_rules! each_kind {
    ($then:ident) => {
        $then! {
            Artifact artifact,
            Startup startup,
            Idle idle,
            Overhead overhead,
            Capacity capacity,
            Constrained constrained,
            Limits limits,
            Soak soak,
            Faults faults,
            Import import,
        }
    };
}

pub mod artifact {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod startup {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod idle {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod overhead {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod capacity {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod constrained {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod limits {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod soak {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod faults {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}

pub mod import {
    pub(crate) mod run;
    pub(crate) mod spec;
    pub mod work;
}
