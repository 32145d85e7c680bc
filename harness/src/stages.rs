//! The kinds of stages: a folder and a row for each.
//!
//! The lists below hand the kinds to a macro that generates an enum with one variant per kind, or a dispatcher over them: the names
//! (`measure/kind.rs`), what is recorded (`measure/facts.rs`), the metrics (`measure/metric/table.rs`), what is judged
//! (`verdict/stage.rs`) and shown (`report/stage.rs`), the planned work (`work.rs`), how it is read (`scenario/stage.rs`) and how it
//! runs (`run.rs`). A folder holds everything about its kind; the name of a file determines its part, and the module that it belongs to:
//!
//! | file | content | module |
//! |---|---|---|
//! | `facts.rs` | what is recorded of the stage and of an instance | `measure` |
//! | `derive.rs` | what follows from the facts by arithmetic, for running and judging alike | `measure` |
//! | `metrics.rs` | the rows of its metrics and how their values are taken from a record | `measure` |
//! | `judge.rs` | what its values mean, its findings and notes | `verdict` |
//! | `show.rs` | how it is shown in table, Markdown and HTML | `report` |
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
            Command command,
            Connections connections,
            Mcp mcp,
            Stdio stdio,
            Upload upload,
            Streaming streaming,
            Constrained constrained,
            Limits limits,
            Search search,
            Sessions sessions,
            Approval approval,
            Soak soak,
            Faults faults,
            Import import,
            Scrape scrape,
            Reload reload,
            Echo echo,
        }
    };
}

/// Does the same as `each_kind!`, for the kinds that have metrics.
macro_rules! each_measured_kind {
    ($then:ident) => {
        $then! {
            Artifact artifact,
            Startup startup,
            Idle idle,
            Overhead overhead,
            Capacity capacity,
            Command command,
            Connections connections,
            Mcp mcp,
            Stdio stdio,
            Upload upload,
            Streaming streaming,
            Constrained constrained,
            Search search,
            Sessions sessions,
            Approval approval,
            Soak soak,
            Faults faults,
            Import import,
            Scrape scrape,
            Reload reload,
            Echo echo,
        }
    };
}

/// Does the same as `each_kind!`, for the kinds that are also judged and shown as a whole.
macro_rules! each_detailed_kind {
    ($then:ident) => {
        $then! {
            Streaming streaming,
            Limits limits,
            Search search,
            Soak soak,
            Faults faults,
        }
    };
}

pub mod artifact {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod startup {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod idle {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod overhead {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod capacity {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod command {
    pub(crate) mod derive;
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod connections {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod mcp {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod stdio {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod upload {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod streaming {
    pub mod facts;
    pub mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod constrained {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod limits {
    pub mod facts;
    pub mod judge;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod search {
    pub(crate) mod derive;
    pub mod facts;
    pub mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod sessions {
    pub(crate) mod derive;
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod approval {
    pub(crate) mod derive;
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod soak {
    pub(crate) mod derive;
    pub mod facts;
    pub mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod faults {
    pub(crate) mod derive;
    pub mod facts;
    pub mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod import {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod scrape {
    pub(crate) mod derive;
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod reload {
    pub(crate) mod derive;
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}

pub mod echo {
    pub mod facts;
    pub(crate) mod judge;
    pub(crate) mod metrics;
    pub(crate) mod run;
    pub(crate) mod show;
    pub(crate) mod spec;
    pub mod work;
}
