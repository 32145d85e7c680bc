//! Finds the process that disturbed a round: the one outside the run that used most CPU time.

use std::path::Path;

use super::recorder::Recorder;
use crate::measure::disturber::{DISTURBERS, Disturber};
use crate::measure::reason::{Problem, Reason};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_rig::neighbours::{Accounts, accounts, between};

/// CPU time from which a process can have disturbed a round.
const LEAST: Nanos = Nanos::from_millis(50);

/// The processes of the host at an instant.
#[derive(Debug)]
pub(crate) struct Neighbours {
    at: Mono,
    accounts: Option<Accounts>,
}

impl Neighbours {
    pub(crate) fn now() -> Self {
        Self { at: Mono::now(), accounts: accounts(Path::new("/")) }
    }

    /// Records the process that used most CPU time since the last call, without those of the run, `own`; a few of them for each stage.
    pub(crate) fn record(&mut self, recorder: &mut Recorder, own: &[i32]) {
        let known = recorder.disturbers();
        if known.len() >= DISTURBERS {
            return;
        }
        let found = self.busiest(own, recorder.stage_begun_at());
        let found = found.filter(|one| known.iter().all(|known| known.pid != one.pid));
        recorder.disturbed_by(found);
    }

    /// Returns the busiest process since the last call; `None` if there was none, or if processes are not visible.
    fn busiest(&mut self, own: &[i32], begun: Mono) -> Option<Disturber> {
        let then = std::mem::replace(self, Self::now());
        let span = self.at.since(then.at);
        let found = between(&then.accounts?, self.accounts.as_ref()?, span);
        let busiest = found.into_iter().find(|one| !own.contains(&one.pid))?;
        let cpu_ns = (busiest.share * span.0 as f64) as u64;
        let (from_ns, until_ns) = (then.at.since(begun).0, self.at.since(begun).0);
        (cpu_ns >= LEAST.0).then_some(Disturber { pid: busiest.pid, name: busiest.name, cpu_ns, from_ns, until_ns })
    }
}

/// Returns the reasons that name the recorded processes.
pub(crate) fn reasons(recorder: &Recorder) -> impl Iterator<Item = Reason> {
    recorder.disturbers().iter().map(|one| Problem::Disturber(one.clone()).into())
}
