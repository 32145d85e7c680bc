//! Reads the host and our own processes from before a launch of the target until after it, when there is no target to sample yet.

use super::look::{Scene, with_costly};
use super::watched::Watched;
use crate::usage::{ProcessUsage, Reading, Series, TreeUsage};
use harness_base::clock::Mono;

/// The state before a launch.
#[derive(Debug)]
pub struct LaunchWatch {
    scene: Scene,
    first: Reading,
}

impl LaunchWatch {
    /// Takes the first reading. `watched` has no target yet.
    pub fn begin(watched: &Watched) -> Self {
        let mut scene = Scene::new(watched);
        let first = Reading { target: Some(TreeUsage::default()), ..scene.reading(true) };
        Self { scene, first }
    }

    /// Returns when the first reading was taken.
    pub const fn begun(&self) -> Mono {
        self.first.at
    }

    /// Takes the last reading, with the target that was launched meanwhile: it has used no CPU time before, and neither has an upstream
    /// that was launched meanwhile.
    pub fn end(mut self, watched: &Watched) -> Series<Reading> {
        self.scene.watch(watched);
        let last = self.scene.reading(true);
        let last = with_costly(last, self.scene.tree.costly());
        if self.first.upstream.is_none() {
            self.first.upstream = last.upstream.as_ref().map(|_| ProcessUsage::default());
        }
        Series(vec![self.first, last])
    }

    /// Takes the last reading of a target that has ended, which used `usage` in total.
    pub fn end_after(mut self, usage: TreeUsage) -> Series<Reading> {
        let last = Reading { target: Some(usage), ..self.scene.reading(true) };
        Series(vec![self.first, last])
    }
}
