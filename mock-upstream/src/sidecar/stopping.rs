//! What becomes of answers that are under way at SIGTERM.

use std::time::Duration;

use tokio::sync::watch;

use crate::flags::parse_duration;
use crate::server::GRACE;

/// How much longer than the grace period the exit waits for the proxy to stop; a frozen one does not.
const MARGIN: Duration = Duration::from_millis(700);

/// Flags about SIGTERM.
#[derive(Debug, Clone, clap::Args)]
pub struct StopFlags {
    /// Time that requests in flight have to finish after SIGTERM; then their connections are closed [default: 300ms]
    #[arg(long, value_name = "SPAN", value_parser = parse_duration, conflicts_with_all = ["ignore_sigterm", "drop_on_term"])]
    pub grace: Option<Duration>,
    /// End each answer so long after SIGTERM as if it were complete
    #[arg(long, value_name = "SPAN", value_parser = parse_duration, conflicts_with_all = ["buffer", "ignore_sigterm", "drop_on_term"])]
    pub end_answers: Option<Duration>,
}

/// Whether answers end now. Each task that passes an answer on watches it.
#[derive(Debug)]
pub(crate) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Ending {
    /// Ends answers after `span`.
    pub(crate) fn begin_after(&self, span: Duration) {
        let ending = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(span).await;
            ending.send_replace(true);
        });
    }

    /// Waits until answers are to end.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        let mut ending = self.0.subscribe();
        async move {
            if ending.wait_for(|ending| *ending).await.is_err() {
                // The sender is gone, so answers are no longer ended.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl StopFlags {
    /// Returns how long requests in flight have to finish.
    pub(crate) fn grace(&self) -> Duration {
        self.grace.unwrap_or(GRACE)
    }

    /// Returns how long the exit waits for the proxy to stop.
    pub(crate) fn deadline(&self) -> Duration {
        self.grace() + MARGIN
    }
}
