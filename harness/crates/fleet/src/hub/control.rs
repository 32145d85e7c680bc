//! The hub's side of control, whose clock can be that of another machine. All instants change clocks here.

use std::io;

use tokio::io::AsyncWrite;

use crate::pod::{PodAnswer, PodCommand, ToHub};
use crate::upward::Upward;
use harness_load::frames::{FromChild, ToChild};
use harness_load::shift::{shift_facts, shift_order, shifted};

/// The way to control.
#[derive(Debug)]
pub(super) struct Control<A> {
    up: Upward<A>,
    /// The hub's clock − that of control, in nanoseconds.
    ahead_ns: i64,
}

/// A command of control. All instants are by the hub's clock.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    /// For the load children of all nodes.
    Load(Box<ToChild>),
    /// For the agent in a pod.
    Pod(PodCommand),
}

impl<A: AsyncWrite + Unpin> Control<A> {
    pub(super) const fn new(up: Upward<A>, ahead_ns: i64) -> Self {
        Self { up, ahead_ns }
    }

    /// Parses a line of control.
    pub(super) fn command(&self, line: &str) -> Result<Command, serde_json::Error> {
        if let Ok(ToHub::Pod(mut command)) = serde_json::from_str(line) {
            if let PodCommand::Sample { start, end } = &mut command {
                (*start, *end) = (shifted(*start, self.ahead_ns), shifted(*end, self.ahead_ns));
            }
            return Ok(Command::Pod(command));
        }
        let mut command: ToChild = serde_json::from_str(line)?;
        if let ToChild::Trial(order) = &mut command {
            shift_order(order, self.ahead_ns);
        }
        Ok(Command::Load(Box::new(command)))
    }

    /// Answers a command for the load children; instants are by the hub's clock.
    pub(super) async fn answer(&mut self, mut frame: FromChild) -> io::Result<()> {
        if let FromChild::Done(facts) = &mut frame {
            shift_facts(facts, self.ahead_ns.saturating_neg());
        }
        self.up.line(&frame).await
    }

    /// Passes on the answer about the pod, if there is one. It is by control's clock already.
    pub(super) async fn beside(&mut self, answer: Option<PodAnswer>) -> io::Result<()> {
        let Some(answer) = answer else { return Ok(()) };
        // Converting plain data cannot fail.
        let value = serde_json::to_value(answer).unwrap_or_default();
        self.up.line(&FromChild::Beside(value)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::text;
    use harness_base::clock::Mono;
    use harness_load::facts::LoadFacts;

    #[tokio::test]
    async fn commands_come_to_the_clock_of_the_hub_and_answers_to_that_of_control() {
        let mut written = Vec::new();
        let mut control = Control::new(Upward::new(&mut written), -40);
        let sample = ToHub::Pod(PodCommand::Sample { start: Mono(100), end: Mono(150) });
        let line = String::from_utf8(text(&sample)).unwrap();
        let shifted = PodCommand::Sample { start: Mono(60), end: Mono(110) };
        assert_eq!(control.command(&line).unwrap(), Command::Pod(shifted));
        assert_eq!(control.command("\"stop\"").unwrap(), Command::Load(Box::new(ToChild::Stop)));
        assert!(control.command("{\"pod\": \"stop\"}").is_err());
        let facts = LoadFacts { window_start: Mono(70), ..LoadFacts::default() };
        control.answer(FromChild::Done(Box::new(facts))).await.unwrap();
        let FromChild::Done(facts) = serde_json::from_slice(&written).unwrap() else { panic!("another frame") };
        assert_eq!(facts.window_start, Mono(110));
    }
}
