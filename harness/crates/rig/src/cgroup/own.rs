//! Creates and removes groups of ours.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::entrance::Entrance;
use super::error::{Error, explain};
use super::find::{Place, Places, Version};
use super::remove::kill_and_remove;
use super::settings::{Controller, Setting};
use crate::group::ResourceLimits;
use harness_base::units::Nanos;

/// The time for the processes in a dropped group to end.
const TIMEOUT: Nanos = Nanos::from_millis(500);

/// A group that limits a target. On drop, its processes are killed and it is removed.
#[derive(Debug)]
pub struct Own {
    places: Places,
    /// The created directories; one for controllers that share a tree.
    directories: Vec<PathBuf>,
}

impl Own {
    /// Creates the group `name` ([`super::name()`]) with `limits` below the group of this process, or nearer to the top if that group
    /// cannot contain groups. It accounts CPU time and memory even if they are not limited.
    ///
    /// # Errors
    /// Returns [`Error`] and removes what was created until then.
    pub fn create(name: &str, limits: &ResourceLimits) -> Result<Self, Error> {
        let here = Places::of(Path::new("/"), std::process::id().cast_signed()).unwrap_or_default();
        Self::create_below(&here, name, limits)
    }

    fn create_below(here: &Places, name: &str, limits: &ResourceLimits) -> Result<Self, Error> {
        let needed = needed(here, limits)?;
        let shared = |(controller, place): &(Controller, &Place)| (place.version == Version::V2).then_some(*controller);
        let shared: Vec<Controller> = needed.iter().filter_map(shared).collect();
        let mut own = Self { places: Places::default(), directories: Vec::new() };
        for (controller, place) in needed {
            let path = match place.version {
                Version::V1 => own.make_apart(place, name)?,
                Version::V2 => own.make_shared(place, name, &shared)?,
            };
            for setting in controller.settings(place.version, limits) {
                set(&path, &setting)?;
            }
            *controller.place_in(&mut own.places) = Some(Place { path, ..place.clone() });
        }
        Ok(own)
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Opens the entrance for a child.
    ///
    /// # Errors
    /// Returns [`Error`] when one of its lists may not be written.
    pub fn entrance(&self) -> Result<Entrance, Error> {
        Entrance::open(self.directories.iter().map(PathBuf::as_path))
    }

    /// Kills its processes and removes it, retrying for at most `timeout` per directory. Returns whether it was removed.
    pub fn kill_and_remove(&mut self, timeout: Nanos) -> bool {
        self.directories.retain(|directory| !kill_and_remove(directory, timeout));
        self.directories.is_empty()
    }

    /// Creates a group in version 1: below the group of this process in the controller's tree, else at the top of the tree.
    fn make_apart(&mut self, place: &Place, name: &str) -> Result<PathBuf, Error> {
        let below = self.make(&place.path, name);
        if below.is_ok() || place.path == place.mount {
            return below;
        }
        self.make(&place.mount, name).or(below)
    }

    /// Creates a group in version 2: below the nearest group that divides `controllers` already, else below the nearest that can be made to.
    fn make_shared(&mut self, place: &Place, name: &str, controllers: &[Controller]) -> Result<PathBuf, Error> {
        let up = || place.path.ancestors().take_while(|directory| directory.starts_with(&place.mount));
        let dividing = up().filter(|directory| missing(directory, "cgroup.subtree_control", controllers).is_empty());
        let made = dividing.into_iter().find_map(|directory| self.make(directory, name).ok());
        if let Some(made) = made {
            return Ok(made);
        }
        let mut reported: Option<Error> = None;
        for directory in up() {
            match divide(directory, controllers).and_then(|()| self.make(directory, name)) {
                Ok(made) => return Ok(made),
                // A controller that is missing here may exist further up, so any other error is more informative.
                Err(error)
                    if reported.as_ref().is_none_or(|reported| matches!(reported, Error::NoController { .. })) =>
                {
                    reported = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(reported.unwrap_or(Error::NotMounted))
    }

    fn make(&mut self, parent: &Path, name: &str) -> Result<PathBuf, Error> {
        let path = parent.join(name);
        if !self.directories.contains(&path) {
            std::fs::create_dir(&path).map_err(|error| explain(&path, "making this group", &error))?;
            self.directories.push(path.clone());
        }
        Ok(path)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill_and_remove(TIMEOUT);
    }
}

impl Controller {
    fn place_in(self, places: &mut Places) -> &mut Option<Place> {
        match self {
            Self::Cpu => &mut places.cpu,
            Self::Cpuacct => &mut places.cpuacct,
            Self::Memory => &mut places.memory,
            Self::Pids => &mut places.pids,
        }
    }
}

/// Returns the controllers that `limits` need, and where this process is in their trees.
fn needed<'a>(here: &'a Places, limits: &ResourceLimits) -> Result<Vec<(Controller, &'a Place)>, Error> {
    if here.each().next().is_none() {
        return Err(Error::NotMounted);
    }
    let place = |controller| match controller {
        Controller::Cpu => here.cpu.as_ref(),
        Controller::Cpuacct => here.cpuacct.as_ref(),
        Controller::Memory => here.memory.as_ref(),
        Controller::Pids => here.pids.as_ref(),
    };
    // Version 2 accounts CPU time without a controller.
    let reported_anyway = |controller: &Controller| {
        *controller == Controller::Cpuacct && here.cpu.as_ref().is_some_and(|place| place.version == Version::V2)
    };
    let found = Controller::needed(limits).filter(|controller| !reported_anyway(controller)).map(|controller| {
        let missing = || Error::NoController {
            controller: controller.name().to_owned(),
            file: PathBuf::from("/proc/self/mountinfo"),
        };
        Ok((controller, place(controller).ok_or_else(missing)?))
    });
    found.collect()
}

/// Returns those of `controllers` that the file `list` of a group does not name.
fn missing(directory: &Path, list: &str, controllers: &[Controller]) -> Vec<&'static str> {
    let text = std::fs::read_to_string(directory.join(list)).unwrap_or_default();
    let names = controllers.iter().map(|controller| controller.name());
    names.filter(|name| !text.split_whitespace().any(|word| word == *name)).collect()
}

/// Lets the groups below `directory` have these controllers.
fn divide(directory: &Path, controllers: &[Controller]) -> Result<(), Error> {
    if let Some(name) = missing(directory, "cgroup.controllers", controllers).first() {
        return Err(Error::NoController { controller: (*name).to_owned(), file: directory.join("cgroup.controllers") });
    }
    let missing = missing(directory, "cgroup.subtree_control", controllers);
    if missing.is_empty() {
        return Ok(());
    }
    let path = directory.join("cgroup.subtree_control");
    let value: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    write(&path, &value.join(" ")).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY) => Error::Occupied { path: directory.to_owned(), controllers: missing.join(" and ") },
        _ => explain(&path, &format!("writing {:?}", value.join(" ")), &error),
    })
}

fn set(directory: &Path, setting: &Setting) -> Result<(), Error> {
    let path = directory.join(setting.file);
    match write(&path, &setting.value) {
        Err(error) if setting.optional && error.kind() == ErrorKind::NotFound => Ok(()),
        written => written.map_err(|error| explain(&path, &format!("writing {:?}", setting.value), &error)),
    }
}

/// Opens a file without creating or truncating it, because the kernel provides these files.
fn write(path: &Path, value: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree like one of version 2: `top` divides what `divided` names, `top/middle/own` nothing.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, divided: &str) -> Self {
            let top = std::env::temp_dir().join(format!("harness-own-{name}-{}", std::process::id()));
            std::fs::create_dir_all(top.join("middle/own")).unwrap();
            for (group, subtree) in [("", divided), ("middle", ""), ("middle/own", "")] {
                let put = |file: &str, text: &str| std::fs::write(top.join(group).join(file), text).unwrap();
                put("cgroup.subtree_control", subtree);
                put("cgroup.controllers", if group == "middle/own" { "" } else { "cpu io memory\n" });
            }
            Self(top)
        }

        fn create(&self, limits: &ResourceLimits) -> Result<Own, Error> {
            let path = self.0.join("middle/own");
            let place = Some(Place { version: Version::V2, path, mount: self.0.clone() });
            let here = Places { cpu: place.clone(), cpuacct: None, memory: place.clone(), pids: place };
            Own::create_below(&here, "new", limits)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn version_2_makes_it_where_the_controllers_are_divided_already() {
        let tree = Tree::new("divided", "cpu memory");
        let own = tree.create(&ResourceLimits::default()).unwrap();
        let path = |place: &Option<Place>| place.as_ref().map(|place| place.path.clone());
        assert_eq!(
            (path(&own.places.cpu), path(&own.places.memory)),
            (Some(tree.0.join("new")), Some(tree.0.join("new")))
        );
        assert_eq!((own.directories.len(), &own.places.cpuacct, &own.places.pids), (1, &None, &None));
        assert!(tree.0.join("new").is_dir());
        drop(own);
        assert!(!tree.0.join("new").exists());
        assert_eq!(std::fs::read_to_string(tree.0.join("middle/cgroup.subtree_control")).unwrap(), "");
    }

    #[test]
    fn version_2_divides_the_nearest_group_that_can_be() {
        let tree = Tree::new("divides", "memory");
        let own = tree.create(&ResourceLimits::default()).unwrap();
        assert!(tree.0.join("middle/new").is_dir());
        let reported = std::fs::read_to_string(tree.0.join("middle/cgroup.subtree_control")).unwrap();
        assert_eq!(reported, "+cpu +memory");
        drop(own);
    }

    #[test]
    fn missing_parts_are_named_and_nothing_is_left() {
        let tree = Tree::new("missing", "cpu memory");
        let limited = tree.create(&ResourceLimits { pids: Some(9), ..ResourceLimits::default() }).unwrap_err();
        assert!(matches!(&limited, Error::NoController { controller, .. } if controller == "pids"), "{limited}");
        // These directories do not bring the files of a group.
        let unset = tree.create(&ResourceLimits { cpus: Some(0.5), ..ResourceLimits::default() }).unwrap_err();
        assert!(matches!(&unset, Error::Refused { path, .. } if path.ends_with("new/cpu.max")), "{unset}");
        assert!(!tree.0.join("new").exists() && !tree.0.join("middle/new").exists());
        let nowhere = Own::create_below(&Places::default(), "new", &ResourceLimits::default()).unwrap_err();
        assert_eq!(nowhere, Error::NotMounted);
    }
}
