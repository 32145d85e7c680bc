//! The house as drawn in the design: rooms, floors, wings and the arrows between rooms of one floor.

/// A part of a floor whose rooms do not see the other part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wing {
    Hall,
    Thinking,
    Above,
}

/// A room: a module at the root of the crate.
#[derive(Debug)]
pub struct Room {
    pub name: &'static str,
    pub floor: u8,
    pub wing: Wing,
    /// Rooms of the same floor it may import.
    pub arrows: &'static [&'static str],
}

const fn room(name: &'static str, floor: u8, wing: Wing, arrows: &'static [&'static str]) -> Room {
    Room { name, floor, wing, arrows }
}

/// Every room of the binary's crate. The libraries below it are crates, which Cargo keeps apart.
pub const ROOMS: &[Room] = &[
    room("main", 6, Wing::Above, &["cli"]),
    room("cli", 6, Wing::Above, &[]),
    room("progress", 5, Wing::Above, &["run"]),
    room("run", 5, Wing::Above, &[]),
    room("publish", 5, Wing::Above, &[]),
    room("doctor", 5, Wing::Above, &[]),
    room("calibrate", 5, Wing::Above, &[]),
    room("plan", 4, Wing::Above, &[]),
    room("scenario", 3, Wing::Above, &[]),
    room("work", 2, Wing::Above, &[]),
    room("report", 1, Wing::Thinking, &["verdict", "baseline", "interop"]),
    room("verdict", 1, Wing::Thinking, &["baseline", "interop"]),
    room("baseline", 1, Wing::Thinking, &[]),
    room("interop", 1, Wing::Thinking, &[]),
    room("measure", 0, Wing::Hall, &["spec"]),
    room("spec", 0, Wing::Hall, &[]),
    room("stages", 0, Wing::Hall, &[]),
];

/// The room to which a file of a stage's folder belongs, by the file's name.
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

/// What starts or watches something never sees what judges or shows it, although that is further down.
pub const APART: &[(&str, &str)] = &[("run", "verdict"), ("run", "report"), ("run", "baseline")];

/// Foreign crates that belong to certain rooms only.
pub const GUESTS: &[(&str, &[&str])] = &[
    ("harness_load", &["measure", "work", "scenario", "plan", "run", "doctor", "cli"]),
    ("harness_rig", &["measure", "work", "scenario", "plan", "run", "doctor", "cli"]),
    ("harness_image", &["measure", "run", "cli"]),
    ("harness_stats", &["verdict", "report", "plan", "calibrate"]),
    ("hyper", &["scenario", "run"]),
    ("hyper_util", &["run"]),
    ("http_body_util", &["run"]),
    ("indicatif", &["progress"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("reqwest", &["publish"]),
    ("flate2", &["measure"]),
    ("inferno", &["run"]),
    ("boon", &["report"]),
    ("quick_xml", &["report"]),
];

/// The only traits of the crate: five that have several implementations, and the reading helper of scenario values.
pub const TRAITS: &[&str] = &["Launcher", "LoadEngine", "OwnFacts", "ReportFormat", "RoundsWork", "StageWork", "Value"];

/// The only files with unsafe code: what runs between fork and exec, and the priority of a thread.
pub const UNSAFE: [&str; 3] =
    ["crates/rig/src/environment.rs", "crates/rig/src/keeper/pre_exec.rs", "crates/rig/src/sampler/priority.rs"];

/// Lines a file may have, its tests included. The aim is 300.
pub const LONGEST: usize = 400;

/// Returns the module with this name.
pub fn find(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// Returns the name that the rules use for a module; `stages::soak::run` belongs to `run`.
pub fn room_of(module: &[String]) -> Option<&str> {
    let first = module.first()?;
    match module.get(2) {
        Some(file) if first == "stages" => {
            STAGE_FILES.iter().find(|(name, _)| name == file).map_or(Some(file.as_str()), |(_, room)| Some(room))
        }
        _ => Some(first),
    }
}

/// Returns whether `from` may import `to`.
pub fn may_import(from: &Room, to: &Room) -> bool {
    if APART.contains(&(from.name, to.name)) {
        return false;
    }
    from.name == to.name || to.floor < from.floor || (to.floor == from.floor && from.arrows.contains(&to.name))
}
