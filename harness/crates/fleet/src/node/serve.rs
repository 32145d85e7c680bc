//! Serves the hub: starts a load child for each session, and passes commands and answers on. When the hub is lost, the child is killed.

use std::future::pending;
use std::io;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::error::JoinError;
use super::instance::Instance;
use crate::frame::{self, FrameError, FrameReader, LARGEST_MESSAGE, text};
use crate::message::{FromNode, SILENCE, ToNode};
use harness_base::clock::Mono;
use harness_load::frames::ToChild;

pub(crate) type Orders = UnboundedSender<Result<ToNode, FrameError>>;

/// A node that serves its hub.
struct Server<'a> {
    exe: &'a Path,
    cpus: f64,
    out: UnboundedSender<Vec<u8>>,
    instance: Option<Instance>,
    instances: u64,
}

/// Serves the hub at the other end of `stream` until the run is over. Returns how many instances were served.
pub(super) async fn serve<S>(stream: S, exe: &Path, cpus: f64) -> Result<u64, JoinError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = split(stream);
    let (out, outgoing) = unbounded_channel();
    let (sender, mut orders) = unbounded_channel();
    // When it is dropped, its tasks end, and the connection is closed.
    let mut tasks = JoinSet::new();
    tasks.spawn(speak(write, outgoing));
    tasks.spawn(listen(FrameReader::new(read, LARGEST_MESSAGE), sender, out.clone()));
    let mut server = Server { exe, cpus, out, instance: None, instances: 0 };
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Ok(ToNode::Command { session, command })) => server.command(session, &command).await,
                Some(Ok(ToNode::Stop { session })) => server.stop(session).await,
                Some(Ok(ToNode::End)) => return Ok(server.instances),
                // Probes are answered where they are read, and a node is no agent.
                Some(Ok(ToNode::Probe { .. } | ToNode::Agent(_))) => {}
                Some(Err(error)) => return Err(JoinError::Lost(error)),
                None => return Err(JoinError::Lost(FrameError::Closed)),
            },
            frame = next(&mut server.instance) => server.pass_on(frame).await,
        }
    }
}

/// Waits for the next frame of the load child, if there is one.
async fn next(instance: &mut Option<Instance>) -> io::Result<Option<String>> {
    match instance {
        Some(instance) => instance.next().await,
        None => pending().await,
    }
}

impl Server<'_> {
    async fn command(&mut self, session: u64, command: &ToChild) {
        let done = if matches!(command, ToChild::Job(_)) {
            self.begin(session, command).await
        } else {
            match self.instance.as_mut().filter(|instance| instance.session == session) {
                Some(instance) => instance.command(command).await,
                // Its child has ended, which was reported.
                None => Ok(()),
            }
        };
        if let Err(error) = done {
            self.instance = None;
            self.report(session, error.to_string());
        }
    }

    async fn begin(&mut self, session: u64, job: &ToChild) -> io::Result<()> {
        if let Some(before) = self.instance.take() {
            before.end().await;
        }
        self.instances += 1;
        self.instance = Some(Instance::start(session, self.exe, self.cpus, job).await?);
        Ok(())
    }

    /// Ends the load child of a session.
    async fn stop(&mut self, session: u64) {
        if self.instance.as_ref().is_some_and(|instance| instance.session == session)
            && let Some(instance) = self.instance.take()
        {
            instance.end().await;
        }
    }

    /// Passes a frame of the load child on, or reports its end.
    async fn pass_on(&mut self, frame: io::Result<Option<String>>) {
        match (self.instance.as_mut(), frame) {
            (Some(instance), Ok(Some(frame))) => {
                let message = instance.answer(&frame).await;
                self.send(message);
            }
            (_, ended) => {
                let Some(instance) = self.instance.take() else { return };
                let (session, how) = (instance.session, instance.end().await);
                self.report(session, ended.map_or_else(|error| format!("{error}; {how}"), |_| how.clone()));
            }
        }
    }

    /// Reports that the load child of a session has ended.
    fn report(&self, session: u64, message: String) {
        self.send(text(&FromNode::Ended { session, message }));
    }

    fn send(&self, message: Vec<u8>) {
        // After the loss of the connection, the task that reads has reported it.
        drop(self.out.send(message));
    }
}

/// Reads what the hub sends, and answers its probes at once.
pub(crate) async fn listen<S>(mut reader: FrameReader<ReadHalf<S>>, orders: Orders, out: UnboundedSender<Vec<u8>>)
where
    S: AsyncRead + AsyncWrite,
{
    loop {
        let read = reader.next_within(SILENCE).await;
        let order = read.and_then(|message| Ok(serde_json::from_slice(&message)?));
        if let Ok(ToNode::Probe { sent }) = order {
            drop(out.send(text(&FromNode::Probed { sent, now: Mono::now() })));
            continue;
        }
        let is_over = order.is_err();
        if orders.send(order).is_err() || is_over {
            return;
        }
    }
}

/// Sends messages until there are no more senders, or the connection is lost.
pub(crate) async fn speak<S>(mut stream: WriteHalf<S>, mut outgoing: UnboundedReceiver<Vec<u8>>)
where
    S: AsyncRead + AsyncWrite,
{
    while let Some(message) = outgoing.recv().await {
        // The task that reads reports a connection that is lost.
        if frame::write(&mut stream, &message).await.is_err() {
            return;
        }
    }
    drop(stream.shutdown().await);
}
