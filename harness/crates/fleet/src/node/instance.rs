//! One session on a node: a load child, and the sampler of its host.

use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::child::LoadChild;
use crate::message::answer;
use harness_base::units::Nanos;
use harness_load::frames::{ToChild, TrialOrder};
use harness_load::nodes::NodeHost;
use harness_rig::sampler::{Pending, Sampler, Watched};
use harness_rig::usage::Series;

/// The readings of a window are there this long after the trial, at the latest.
const READING: Nanos = Nanos::from_secs(1);

/// A load child with its sampler.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) session: u64,
    child: LoadChild,
    /// Absent if it could not be started. Then nothing is known of the host.
    sampler: Option<Sampler>,
    /// The window of the running trial.
    window: Option<Pending>,
    cpus: f64,
}

/// The frame that ends a trial. Its content is not looked at.
#[derive(Debug, Deserialize)]
struct DoneFrame {
    #[serde(rename = "done")]
    _done: IgnoredAny,
}

impl Instance {
    /// Starts a load child with `job`.
    pub(super) async fn start(session: u64, exe: &Path, cpus: f64, job: &ToChild) -> io::Result<Self> {
        let mut child = LoadChild::start(exe)?;
        child.send(job).await?;
        let watched = Watched { generator: Some(child.pid()), ..Watched::default() };
        Ok(Self { session, child, sampler: Sampler::start(watched).ok(), window: None, cpus })
    }

    /// Passes a command on, and samples the window of a trial.
    pub(super) async fn command(&mut self, command: &ToChild) -> io::Result<()> {
        if let ToChild::Trial(TrialOrder { start_at, ramp, warmup, window, .. }) = command {
            let begin = start_at.after(*ramp).after(*warmup);
            self.window = self.sampler.as_ref().map(|sampler| sampler.window(begin, begin.after(*window)));
        }
        self.child.send(command).await
    }

    /// Waits for the next frame of the child; `None` after its end. The future can be dropped and created again.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        self.child.next().await
    }

    /// Returns the message with a frame of the child.
    pub(super) async fn answer(&mut self, frame: &str) -> Vec<u8> {
        let is_done = serde_json::from_str::<DoneFrame>(frame).is_ok();
        let host = if is_done { Some(self.host().await) } else { None };
        answer(self.session, host, frame)
    }

    /// Returns what the host did in the window of the trial.
    async fn host(&mut self) -> NodeHost {
        let readings = match self.window.take() {
            Some(mut window) => timeout(READING.duration(), window.finish())
                .await
                .map_or_else(|_| Series::default(), |read| read.readings),
            None => Series::default(),
        };
        NodeHost {
            cpus: self.cpus,
            cpu_ns: readings.own_cpu_ns(|reading| reading.generator.as_ref()),
            steal: readings.steal(),
            foreign_cpu: readings.foreign_cpu(),
            throttled: readings.throttled(),
        }
    }

    /// Ends the child. Returns how it ended, for people.
    pub(super) async fn end(self) -> String {
        self.child.end().await.unwrap_or_else(|| "it did not end by itself".to_owned())
    }
}
