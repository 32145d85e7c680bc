//! Lists the modules of the crate with their layers, and what each may import.

/// The task of the modules of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Facts and their formats.
    Facts,
    /// Judging and showing facts.
    Judging,
    /// Starting, watching and publishing.
    Acting,
}

/// A module at the root of the crate.
#[derive(Debug)]
pub struct Module {
    pub name: &'static str,
    pub layer: u8,
    pub side: Side,
    /// Modules of the same layer that it may import.
    pub beside: &'static [&'static str],
}

const fn module(name: &'static str, layer: u8, side: Side, beside: &'static [&'static str]) -> Module {
    Module { name, layer, side, beside }
}

/// Every module of the binary's crate. The libraries below it are crates, which Cargo keeps apart.
pub const MODULES: &[Module] = &[
    module("main", 6, Side::Acting, &["cli"]),
    module("cli", 6, Side::Acting, &[]),
    module("progress", 5, Side::Acting, &["run"]),
    module("init", 5, Side::Acting, &["run"]),
    module("run", 5, Side::Acting, &[]),
    module("publish", 5, Side::Acting, &[]),
    module("doctor", 5, Side::Acting, &[]),
    module("calibrate", 5, Side::Acting, &[]),
    module("plan", 4, Side::Acting, &[]),
    module("scenario", 3, Side::Acting, &[]),
    module("work", 2, Side::Acting, &[]),
    module("report", 1, Side::Judging, &["verdict", "baseline", "interop"]),
    module("verdict", 1, Side::Judging, &["baseline", "interop"]),
    module("baseline", 1, Side::Judging, &[]),
    module("interop", 1, Side::Judging, &[]),
    module("measure", 0, Side::Facts, &["spec"]),
    module("spec", 0, Side::Facts, &[]),
    module("stages", 0, Side::Facts, &[]),
];

/// The module to which a file of a stage's folder belongs, by the file's name.
pub const STAGE_FILES: &[(&str, &str)] = &[
    ("facts", "measure"),
    ("derive", "measure"),
    ("metrics", "measure"),
    ("judge", "verdict"),
    ("show", "report"),
    ("work", "work"),
    ("spec", "scenario"),
    ("run", "run"),
];

/// Modules that start or watch programs never import those that judge or show results, although these are further down.
pub const APART: &[(&str, &str)] = &[("run", "verdict"), ("run", "report"), ("run", "baseline")];

/// Foreign crates that certain modules may use.
pub const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("harness_load", &["measure", "work", "scenario", "plan", "run", "doctor", "cli"]),
    ("harness_rig", &["measure", "work", "scenario", "plan", "run", "doctor", "init", "cli"]),
    ("harness_image", &["measure", "run", "cli"]),
    ("harness_fleet", &["measure", "scenario", "plan", "run", "cli"]),
    ("harness_kube", &["run", "cli"]),
    ("serde_saphyr", &["scenario"]),
    ("harness_stats", &["measure", "verdict", "report", "plan", "calibrate"]),
    ("hyper", &["scenario"]),
    ("indicatif", &["progress"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("reqwest", &["publish"]),
    ("flate2", &["measure", "report"]),
    ("tar", &["report"]),
    ("inferno", &["run"]),
    ("boon", &["report"]),
    ("quick_xml", &["report"]),
];

/// The only traits of the crate: five that have several implementations, and the reading helper of scenario values.
pub const TRAITS: &[&str] = &["Launcher", "LoadEngine", "OwnFacts", "ReportFormat", "RoundsWork", "StageWork", "Value"];

/// The only files with unsafe code: what overwrites the environment, what runs between fork and exec, and the priority of a thread.
pub const UNSAFE: [&str; 3] =
    ["crates/rig/src/environment.rs", "crates/rig/src/keeper/pre_exec.rs", "crates/rig/src/sampler/priority.rs"];

/// Lines a file may have, its tests included. The aim is 300.
pub const LONGEST: usize = 400;

/// Returns the module with this name.
pub fn find(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}

/// Returns the name that the rules use for a module; `stages::soak::run` belongs to `run`.
pub fn module_of(path: &[String]) -> Option<&str> {
    let first = path.first()?;
    match path.get(2) {
        Some(file) if first == "stages" => {
            STAGE_FILES.iter().find(|(name, _)| name == file).map_or(Some(file.as_str()), |(_, module)| Some(module))
        }
        _ => Some(first),
    }
}

/// Returns whether `from` may import `to`.
pub fn may_import(from: &Module, to: &Module) -> bool {
    if APART.contains(&(from.name, to.name)) {
        return false;
    }
    from.name == to.name || to.layer < from.layer || (to.layer == from.layer && from.beside.contains(&to.name))
}
