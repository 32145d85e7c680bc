//! Starts the keeper for `harness init`, and removes everything at the end.

use std::path::Path;
use std::sync::Arc;

use crate::run::Interrupt;
use crate::run::halt::Halt;
use harness_base::{clock, files};
use harness_rig::keeper::{self, Keeper};
use harness_rig::target::certificates::Certificates;
use harness_rig::target::{self, Containers, Site};

/// The means to start processes.
pub(super) struct Stand {
    pub(super) site: Site,
    pub(super) interrupt: Interrupt,
}

impl Stand {
    /// Starts the keeper. Relative paths of programs start in `folder`.
    ///
    /// # Errors
    /// Returns a failure of the tool.
    pub(super) fn open(folder: &Path, interrupt: &Interrupt) -> Result<Self, Halt> {
        for left in keeper::scratch_leftovers(&std::env::temp_dir()) {
            // One that cannot be removed is reported by `harness clean`.
            let _kept = files::remove_tree(&left);
        }
        let stamp = clock::rfc3339(clock::unix_seconds()).replace(['-', ':'], "");
        let run_id = format!("{stamp}-{:05}", std::process::id());
        let scratch = std::env::temp_dir().join(format!("harness-{run_id}"));
        // The keeper writes its log before it makes the folder. This one is recognized as a leftover if this process is killed now.
        let before = std::env::temp_dir().join(format!("harness-{run_id}0"));
        let started = Keeper::start(&before).map_err(|error| Halt::tooling(&error));
        let _kept = files::remove_tree(&before);
        let keeper = started?;
        keeper.scratch(&scratch).map_err(|error| Halt::tooling(&error))?;
        let logs = scratch.join("logs");
        std::fs::create_dir(&logs).map_err(|error| Halt::tooling(&error))?;
        let site = Site {
            keeper,
            ports: Arc::default(),
            certificates: Arc::new(Certificates::new(&scratch.join("tls"), None)),
            containers: Arc::new(Containers::of(&run_id)),
            scratch,
            logs,
            folder: folder.to_owned(),
            exe: target::own_binary(),
        };
        Ok(Self { site, interrupt: interrupt.clone() })
    }

    /// Ends every process and removes the temporary files.
    ///
    /// # Errors
    /// Returns a failure if the keeper did not answer, or files remain.
    pub(super) async fn close(self) -> Result<(), Halt> {
        let ended = self.site.keeper.shutdown().await;
        if self.site.scratch.exists() {
            files::remove_tree(&self.site.scratch).map_err(|error| Halt::tooling(&error))?;
        }
        ended.map_err(|error| Halt::tooling(&error))
    }
}
