//! Serves the hub: carries its orders out one after another. Probes of the agent's clock and the end of the run do not wait for them.

use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::sampling::{Open, Upstream};
use super::shift::{readings_to_control, to_control};
use super::startup::{NotUp, Startup};
use super::target::Target;
use crate::frame::{FrameError, FrameReader, LARGEST_MESSAGE, text};
use crate::hello::About;
use crate::message::{FromNode, ToNode};
use crate::node::JoinError;
use crate::node::serve::{listen, speak};
use crate::pod::{AgentOrder, CameUp, FromAgent, Started, ToAgent, Up};
use harness_base::clock::Mono;
use harness_base::error::chain;

/// Serves the hub at the other end of `stream` until the run is over.
pub(super) async fn serve<S>(stream: S, worker: Worker) -> Result<(), JoinError>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = split(stream);
    let (out, outgoing) = unbounded_channel();
    let (sender, heard) = unbounded_channel();
    let (give, orders) = unbounded_channel();
    // When it is dropped, its tasks end, and the connection is closed.
    let mut tasks = JoinSet::new();
    tasks.spawn(speak(write, outgoing));
    tasks.spawn(listen(FrameReader::new(read, LARGEST_MESSAGE), sender, out.clone()));
    tokio::select! {
        over = pass_on(heard, give) => over,
        // It works as long as it is given orders.
        () = worker.work(orders, out) => Err(JoinError::Lost(FrameError::Closed)),
    }
}

/// Gives the orders of the hub to the worker until the run is over or the hub is lost.
async fn pass_on(
    mut heard: UnboundedReceiver<Result<ToNode, FrameError>>,
    give: UnboundedSender<ToAgent>,
) -> Result<(), JoinError> {
    loop {
        match heard.recv().await {
            Some(Ok(ToNode::Agent(order))) => drop(give.send(order)),
            Some(Ok(ToNode::End)) => return Ok(()),
            // Probes are answered where they are read, and an agent has no load child.
            Some(Ok(ToNode::Probe { .. } | ToNode::Command { .. } | ToNode::Stop { .. })) => {}
            Some(Err(error)) => return Err(JoinError::Lost(error)),
            None => return Err(JoinError::Lost(FrameError::Closed)),
        }
    }
}

/// Carries orders out.
#[derive(Debug)]
pub(super) struct Worker {
    about: About,
    /// Until its end was ordered.
    startup: Option<Startup>,
    upstream: Upstream,
    /// From the end of the startup on.
    target: Option<Target>,
    open: Option<Open>,
}

impl Worker {
    pub(super) fn new(about: About, startup: Startup, upstream: Upstream) -> Self {
        Self { about, startup: Some(startup), upstream, target: None, open: None }
    }

    /// Carries out orders until there are no more.
    async fn work(mut self, mut orders: UnboundedReceiver<ToAgent>, out: UnboundedSender<Vec<u8>>) {
        while let Some(order) = orders.recv().await {
            let answer = match order {
                ToAgent::Begin { order, offset_ns } => Some(self.begin(&order, offset_ns).await),
                ToAgent::Sample { window, start, end, offset_ns } => {
                    self.sample(window, (start, end), offset_ns).await;
                    None
                }
                ToAgent::Finish { window } => self.finish(window).await,
            };
            if let Some(answer) = answer {
                // After the loss of the connection, the task that reads has reported it.
                drop(out.send(text(&FromNode::Agent(Box::new(answer)))));
            }
        }
    }

    /// Waits until the target is up.
    async fn begin(&mut self, order: &AgentOrder, offset_ns: i64) -> FromAgent {
        let came_up = match self.start(&order.target).await {
            Ok(up) => CameUp::Up(Box::new(up_to_control(up, offset_ns))),
            Err(error) => CameUp::Failed { message: chain(&error), ended: error.is_end() },
        };
        FromAgent::Started(Box::new(Started { about: self.about.clone(), on_host: Vec::new(), came_up }))
    }

    async fn start(&mut self, target: &str) -> Result<Up, NotUp> {
        let startup = self.startup.take().ok_or(NotUp::Twice)?;
        let (up, target) = startup.finish(target).await?;
        self.target = Some(target);
        Ok(up)
    }

    /// Begins a window.
    async fn sample(&mut self, window: u64, (start, end): (Mono, Mono), offset_ns: i64) {
        if self.open.take().is_some()
            && let Some(target) = &mut self.target
        {
            target.give_up_windows();
        }
        // Announced before anything else is done, because a sampler that learns of a window late begins it late.
        let pending = self.target.as_ref().map(|target| target.window(start, end));
        self.open = Some(Open::begin(window, (start, end), offset_ns, pending, &self.upstream).await);
    }

    /// Ends a window. `None` if it was given up for a later one.
    async fn finish(&mut self, window: u64) -> Option<FromAgent> {
        let open = self.open.take_if(|open| open.number == window)?;
        let target_ended = || self.target.as_ref().is_none_or(Target::has_ended);
        let sampled = open.finish(&self.upstream, target_ended).await;
        Some(FromAgent::Sampled { window, sampled: Box::new(sampled) })
    }
}

/// Moves the instants of a startup to control's clock.
fn up_to_control(mut up: Up, offset_ns: i64) -> Up {
    up.spawned = to_control(up.spawned, offset_ns);
    up.readings = readings_to_control(up.readings, offset_ns);
    up
}

#[cfg(test)]
mod tests;
