//! Runs the process that plays the foreign hosts of a scenario, and collects what the target was refused.

use std::iter;
use std::sync::Arc;

use super::alive::LINES;
use super::launch::{come_up, launch_halt};
use crate::measure::reason::Cause;
use crate::measure::{Failure, Warning};
use crate::run::admin::Admin;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use harness_base::error::causes;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_rig::target::{self, EgressPlace, Running, RunningEgress};
use mock_upstream::egress::RefusedReport;

/// Time limit for the hosts to listen.
const DEADLINE: Nanos = Nanos::from_secs(10);
/// Time between SIGTERM and SIGKILL.
const PATIENCE: Nanos = Nanos::from_millis(1500);

/// The foreign hosts, which answer.
pub(super) struct Foreign {
    pub(super) place: EgressPlace,
    pub(super) admin: Arc<Admin>,
    running: Running,
}

impl Foreign {
    /// Starts the foreign hosts of the scenario; `None` without any.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if they do not listen. They are a part of the harness, so the target is not at fault.
    pub(super) async fn start(rig: &Rig<'_>, name: &str) -> Result<Option<Self>, Halt> {
        if rig.plan.egress.is_empty() {
            return Ok(None);
        }
        let launched = target::launch_egress(&rig.plan.egress, &rig.site, &format!("egress-{name}"));
        let RunningEgress { place, running, admin } = launched.map_err(|error| launch_halt(&error))?;
        let (running, came_up) = come_up(&rig.interrupt, running, DEADLINE).await?;
        if let Err(error) = came_up {
            let causes = iter::once("the foreign hosts of [egress] did not come up".to_owned()).chain(causes(&error));
            let failure = Failure::new(Cause::Error(causes.collect()), Exit::Usage);
            return Err(Halt::from(failure.with_log(running.log_tail(LINES))));
        }
        let pipes = admin.ok_or_else(|| Halt::tool("the keeper gave the foreign hosts no pipes"))?;
        let admin = Arc::new(Admin::over(pipes).map_err(|error| Halt::tooling(&error))?);
        Ok(Some(Self { place, admin, running }))
    }

    pub(super) const fn pid(&self) -> i32 {
        self.running.pid
    }

    /// Stops the hosts. Returns the warnings about requests that were refused.
    pub(super) async fn stop(self) -> Vec<Warning> {
        // Without an answer, the stage that needs the hits has failed already.
        let report: Option<RefusedReport> = self.admin.ask("refused").await.ok();
        self.running.stop(PATIENCE).await;
        report.map(warnings).unwrap_or_default()
    }
}

fn warnings(report: RefusedReport) -> Vec<Warning> {
    let undeclared = report.refused.into_iter();
    let undeclared =
        undeclared.map(|refused| Warning::UndeclaredEgress { host: refused.host, requests: refused.requests });
    let handshakes = report.failed_handshakes;
    undeclared.chain((handshakes > 0).then_some(Warning::UntrustedEgress { handshakes })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_upstream::egress::Refused;

    #[test]
    fn each_refused_host_is_named() {
        let refused = vec![Refused { host: "telemetry.test".to_owned(), requests: 3 }];
        let text: Vec<String> =
            warnings(RefusedReport { refused, failed_handshakes: 2 }).iter().map(ToString::to_string).collect();
        assert!(
            text[0].starts_with("the target asked for telemetry.test, which is not declared as egress (3 requests")
        );
        assert!(text[1].starts_with("2 TLS handshakes of the target with the hosts of [egress] failed"));
        assert!(warnings(RefusedReport { refused: Vec::new(), failed_handshakes: 0 }).is_empty());
    }
}
