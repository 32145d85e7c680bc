//! Finds the control group of another container.

use std::path::Path;

use crate::cgroup::{Group, Places};

/// Returns the group of process `pid` of another container: through the container's own mounts, for which this process needs the right to
/// look into the other one, as one with the same user has it; or through ours, where they show it. `None` when neither does.
pub fn group_of(pid: i32) -> Option<Group> {
    let ways = [Places::through(pid), Places::of(Path::new("/"), pid)];
    ways.into_iter().flatten().find_map(Group::open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_beside_has_the_group_that_it_has_for_itself() {
        let own = std::process::id().cast_signed();
        let (beside, plain) = (group_of(own), Group::of(own));
        assert_eq!(beside.is_some(), plain.is_some());
        assert_eq!(beside.map(|group| group.limits()), plain.map(|group| group.limits()));
        assert!(group_of(5_000_000).is_none());
    }
}
