//! The hub's side of one node or agent that has joined: a task that reads, one that writes, and what is known of its clock.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::{Estimate, Sample};
use crate::frame::{self, FrameError, FrameReader, LARGEST_MESSAGE, text};
use crate::message::{self, BEAT, FromNode, SILENCE, ToNode};
use crate::order::NodeFacts;
use crate::pod::FromAgent;
use harness_base::clock::Mono;
use harness_base::error::chain;
use harness_base::units::Nanos;
use harness_load::lost::LostWhy;
use harness_load::nodes::NodeHost;

/// The number of probes before a barrier, of which the one with the shortest round trip counts.
const PROBES: u32 = 16;

/// How many events of all nodes wait for the hub. While it is behind, what nodes send stays on their machines: besides these, the hub holds one
/// message of each node, which has at most [`LARGEST_MESSAGE`] bytes.
const WAITING: usize = 256;

/// A node has this long to take the last messages when the hub ends.
const ENDING: Nanos = Nanos::from_millis(500);

/// What a node or an agent does.
#[derive(Debug)]
pub(super) enum Event {
    /// Its load child has sent a frame.
    Answer { node: usize, session: u64, host: Option<NodeHost>, frame: Vec<u8> },
    /// Its load child has ended.
    Ended { node: usize, session: u64, message: String },
    /// Its clock was measured for the barrier of a session.
    Measured { session: u64 },
    /// The agent in a pod has said something.
    Agent { node: usize, message: Box<FromAgent> },
    /// It is lost. No other event of it follows, except for another one of this kind.
    Lost { node: usize, why: LostWhy },
}

/// The events of all nodes, or of all agents.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) sender: Sender<Event>,
    pub(super) receiver: Receiver<Event>,
}

impl Default for Events {
    fn default() -> Self {
        let (sender, receiver) = channel(WAITING);
        Self { sender, receiver }
    }
}

/// A node or an agent that has joined. When it is dropped, its connection is closed.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) facts: NodeFacts,
    /// Identifies the start of its machine's kernel; absent where it is not known.
    pub(super) boot: Option<String>,
    outbox: UnboundedSender<Outgoing>,
    line: Arc<Line>,
    reader: AbortHandle,
    writer: JoinHandle<()>,
}

#[derive(Debug)]
enum Outgoing {
    Probe,
    Message(Vec<u8>),
}

/// What both tasks of a node share.
#[derive(Debug, Default)]
struct Line {
    clock: Mutex<Option<Estimate>>,
    probed: Notify,
    /// Whether the node's clock is of the kernel of the hub.
    of_one_kernel: bool,
}

impl Session {
    /// Begins to serve the node at position `node`, whose `first` message is sent before all others.
    pub(super) fn start<S>(
        stream: S,
        node: usize,
        (facts, boot): (NodeFacts, Option<String>),
        first: Option<Vec<u8>>,
        events: Sender<Event>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = split(stream);
        let (outbox, outgoing) = unbounded_channel();
        if let Some(first) = first {
            // The receiver is there until the writer ends.
            drop(outbox.send(Outgoing::Message(first)));
        }
        let line = Arc::new(Line { of_one_kernel: facts.shares_host, ..Line::default() });
        let reader = FrameReader::new(read, LARGEST_MESSAGE);
        let reader = tokio::spawn(listen(reader, node, Arc::clone(&line), events)).abort_handle();
        let writer = tokio::spawn(speak(write, outgoing));
        Self { facts, boot, outbox, line, reader, writer }
    }

    /// Sends a message, unless the connection is lost, which its reader reports.
    pub(super) fn send(&self, message: &ToNode) {
        drop(self.outbox.send(Outgoing::Message(text(message))));
    }

    /// Returns what is known of the node's clock.
    pub(super) fn clock(&self) -> Option<Estimate> {
        *self.line.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures the node's clock again as soon as one of the `turns` is free, because probes that wait for each other have long round trips.
    pub(super) fn measure(&self, node: usize, session: u64, turns: Arc<Semaphore>, events: Sender<Event>) {
        let (line, outbox) = (Arc::clone(&self.line), self.outbox.clone());
        tokio::spawn(async move {
            let Ok(_turn) = turns.acquire_owned().await else { return };
            line.forget();
            let probes = async {
                for _ in 0..PROBES {
                    // After the loss of the connection, its reader has reported it.
                    if outbox.send(Outgoing::Probe).is_err() {
                        return;
                    }
                    line.probed.notified().await;
                }
            };
            let event = match timeout(SILENCE.duration(), probes).await {
                Ok(()) => Event::Measured { session },
                Err(_) => Event::Lost { node, why: LostWhy::Silent { ns: SILENCE.0 } },
            };
            drop(events.send(event).await);
        });
    }

    /// Sends the node the end of the run, and waits shortly until it is sent.
    pub(super) async fn end(mut self) {
        self.send(&ToNode::End);
        // The writer ends with the last sender.
        let (closed, _) = unbounded_channel();
        drop(std::mem::replace(&mut self.outbox, closed));
        drop(timeout(ENDING.duration(), &mut self.writer).await);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

impl Line {
    /// Learns from a probe.
    fn learn(&self, sample: Sample) {
        let fresh = Estimate::of(sample, self.of_one_kernel);
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        *clock = Some(clock.map_or(fresh, |known| known.or_better(fresh)));
        drop(clock);
        self.probed.notify_one();
    }

    fn forget(&self) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Reads what a node sends, until it is lost.
async fn listen<S>(mut reader: FrameReader<ReadHalf<S>>, node: usize, line: Arc<Line>, events: Sender<Event>)
where
    S: AsyncRead + AsyncWrite,
{
    let why = loop {
        let message = match reader.next_within(SILENCE).await {
            Ok(message) => message,
            Err(error) => break lost(&error),
        };
        let heard = Mono::now();
        let event = match message::parse(&message) {
            Ok((FromNode::Probed { sent, now }, _)) if sent <= heard => {
                line.learn(Sample { sent, stamped: now, heard });
                continue;
            }
            Ok((FromNode::Probed { .. }, _)) => {
                break LostWhy::Protocol { message: "the answer to a probe of the future".to_owned() };
            }
            Ok((FromNode::Answer { session, host }, frame)) => {
                Event::Answer { node, session, host, frame: frame.to_vec() }
            }
            Ok((FromNode::Ended { session, message }, _)) => Event::Ended { node, session, message },
            Ok((FromNode::Agent(message), _)) => Event::Agent { node, message },
            Err(error) => break LostWhy::Protocol { message: error.to_string() },
        };
        if events.send(event).await.is_err() {
            return;
        }
    };
    drop(events.send(Event::Lost { node, why }).await);
}

fn lost(error: &FrameError) -> LostWhy {
    match error {
        FrameError::Silent(silence) => LostWhy::Silent { ns: silence.0 },
        FrameError::Closed => LostWhy::Closed,
        FrameError::Io(cause) => LostWhy::Reset { message: cause.to_string() },
        other => LostWhy::Protocol { message: chain(other) },
    }
}

/// Sends messages and probes, until the session ends or the connection is lost.
async fn speak<S>(mut stream: WriteHalf<S>, mut outgoing: UnboundedReceiver<Outgoing>)
where
    S: AsyncRead + AsyncWrite,
{
    let mut beat = interval(BEAT.duration());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            biased;
            next = outgoing.recv() => next,
            _ = beat.tick() => Some(Outgoing::Probe),
        };
        let message = match next {
            Some(Outgoing::Message(message)) => message,
            Some(Outgoing::Probe) => text(&ToNode::Probe { sent: Mono::now() }),
            None => break,
        };
        // The reader reports a connection that is lost.
        if frame::write(&mut stream, &message).await.is_err() {
            return;
        }
    }
    drop(stream.shutdown().await);
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn what_a_node_sends_stays_there_while_the_hub_is_behind() {
        const MORE: usize = 64;
        let (near, mut far) = duplex(1 << 10);
        let Events { sender, mut receiver } = Events::default();
        let _session = Session::start(near, 0, (NodeFacts::default(), None), None, sender);
        let sends = tokio::spawn(async move {
            let message = message::answer(1, None, "7");
            for _ in 0..WAITING + MORE {
                frame::write(&mut far, &message).await.unwrap();
            }
            far
        });
        while receiver.len() < WAITING {
            yield_now().await;
        }
        // More than enough turns for the rest.
        for _ in 0..100 * MORE {
            yield_now().await;
            assert_eq!(receiver.len(), WAITING);
        }
        for _ in 0..WAITING + MORE {
            assert!(matches!(receiver.recv().await, Some(Event::Answer { node: 0, .. })), "nothing is lost");
        }
        sends.await.unwrap();
    }
}
