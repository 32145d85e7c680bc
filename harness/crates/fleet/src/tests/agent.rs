//! An agent without a pod.

use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::frame::{self, FrameReader, LARGEST_MESSAGE, text};
use crate::hello::About;
use crate::message::{FromNode, ToNode};
use crate::pod::{CameUp, FromAgent, Sampled, Started, ToAgent, Up};
use harness_base::clock::Mono;
use harness_load::shift::shifted;
use harness_rig::group::ResourceLimits;
use harness_rig::usage::{Reading, Series};

/// What an agent does with a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum InWindow {
    #[default]
    Samples,
    /// It closes the connection when the load is over.
    Leaves,
    /// It answers for a window that it was not asked for.
    IsWrong,
}

/// An agent that reads no process. Its readings are the edges of each window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FakeAgent {
    /// How far its clock is ahead.
    pub(super) ahead_ns: i64,
    pub(super) in_window: InWindow,
}

impl FakeAgent {
    /// Serves a hub until the connection or the run ends.
    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S, about: About) {
        let mut sampled = None;
        loop {
            let Ok(message) = FrameReader::new(&mut stream, LARGEST_MESSAGE).next().await else { return };
            let reply = match serde_json::from_slice(&message).unwrap() {
                ToNode::Probe { sent } => Some(FromNode::Probed { sent, now: self.now() }),
                ToNode::Agent(ToAgent::Finish { .. }) if self.in_window == InWindow::Leaves => return,
                ToNode::Agent(order) => {
                    let said = self.obey(order, &about, &mut sampled);
                    said.map(|said| FromNode::Agent(Box::new(said)))
                }
                ToNode::End => return,
                other => panic!("{other:?} is not for an agent"),
            };
            if let Some(reply) = reply
                && frame::write(&mut stream, &text(&reply)).await.is_err()
            {
                return;
            }
        }
    }

    fn now(self) -> Mono {
        shifted(Mono::now(), self.ahead_ns)
    }

    fn obey(self, order: ToAgent, about: &About, sampled: &mut Option<Sampled>) -> Option<FromAgent> {
        match order {
            ToAgent::Begin { order, offset_ns } => {
                let up = Up {
                    spawned: shifted(self.now(), -offset_ns),
                    is_late: false,
                    listening_ns: 3,
                    healthy_ns: None,
                    ready_ns: None,
                    probe_gap_ns: 1,
                    pid: 7,
                    program: vec![order.target],
                    executable: PathBuf::from("/proxy"),
                    limits: ResourceLimits::default(),
                    readings: Series::default(),
                };
                let came_up = CameUp::Up(Box::new(up));
                Some(FromAgent::Started(Box::new(Started { about: about.clone(), on_host: Vec::new(), came_up })))
            }
            ToAgent::Sample { window, start, end, offset_ns } => {
                let reading = |at| Reading { at: shifted(at, -offset_ns), ..Reading::default() };
                *sampled = Some(Sampled {
                    readings: Series(vec![reading(start), reading(end)]),
                    peak_rss_bytes: None,
                    target_threads: None,
                    before: None,
                    after: None,
                    clock_offset_ns: offset_ns,
                    peers: Vec::new(),
                    target_ended: false,
                });
                if self.in_window == InWindow::IsWrong { answer(window + 1, sampled) } else { None }
            }
            ToAgent::Finish { window } => answer(window, sampled),
        }
    }
}

fn answer(window: u64, sampled: &mut Option<Sampled>) -> Option<FromAgent> {
    let sampled = Box::new(sampled.take()?);
    Some(FromAgent::Sampled { window, sampled })
}
