//! The one agent that watches the target: what it was asked, and what it answers.

use super::super::session::Session;
use crate::message::ToNode;
use crate::pod::{AgentOrder, FromAgent, PodAnswer, ToAgent};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::lost::LostWhy;
use harness_load::shift::shifted;

/// The agent answers within this time after the end of a window and of its load.
const ANSWER: Nanos = Nanos::from_secs(10);

/// An agent that has joined.
#[derive(Debug)]
pub(super) struct Agent {
    /// No other agent of this hub has it.
    pub(super) number: usize,
    pub(super) session: Session,
    /// The hub's clock − that of control, in nanoseconds.
    pub(super) hub_ahead_ns: i64,
    /// How many windows it was asked for.
    pub(super) windows: u64,
}

/// The agent that watches the target.
#[derive(Debug)]
pub(super) enum Current {
    None,
    /// It has not joined yet.
    Awaited {
        name: String,
        order: AgentOrder,
        wait: Nanos,
        latest: Mono,
    },
    Present {
        agent: Agent,
        step: Step,
    },
    Lost {
        message: String,
    },
}

/// What the agent does.
#[derive(Debug)]
pub(super) enum Step {
    /// Its clock is measured, and then it gets this order.
    Measuring(AgentOrder),
    /// It waits for the target.
    Starting,
    /// Nothing.
    Ready,
    Sampling(Window),
}

/// A window that the agent samples.
#[derive(Debug)]
pub(super) struct Window {
    number: u64,
    /// By the hub's clock.
    end: Mono,
    /// When the agent must have answered; absent while the load is not over.
    latest: Option<Mono>,
}

impl Current {
    /// Has a window sampled; the instants are by the hub's clock. Returns the answer if it cannot be.
    pub(super) fn sample(&mut self, start: Mono, end: Mono) -> Option<PodAnswer> {
        let message = match self {
            Self::Present { agent, step: step @ Step::Ready } => {
                *step = Step::Sampling(agent.sample(start, end));
                return None;
            }
            Self::Lost { message } => message.clone(),
            Self::Present { .. } | Self::Awaited { .. } => "the agent of the pod is not ready".to_owned(),
            Self::None => "no agent watches a pod".to_owned(),
        };
        Some(PodAnswer::Failed { message })
    }

    /// Tells the agent that the load of its window is over. Returns whether its answer is to be awaited.
    pub(super) fn finish(&mut self) -> bool {
        let Self::Present { agent, step: Step::Sampling(window) } = self else { return false };
        window.latest = Some(Mono::now().max(window.end).after(ANSWER));
        agent.tell(ToAgent::Finish { window: window.number });
        true
    }

    /// Gives up a window: its answer is ignored.
    pub(super) fn give_up(&mut self) {
        if let Self::Present { step: step @ Step::Sampling(_), .. } = self {
            *step = Step::Ready;
        }
    }

    /// Passes the order on to the agent of this number, whose clock is known now.
    pub(super) fn begin(&mut self, number: u64) {
        let Self::Present { agent, step } = self else { return };
        let Step::Measuring(order) = &*step else { return };
        if agent.number as u64 == number {
            let offset_ns = agent.ahead_ns().saturating_add(agent.hub_ahead_ns);
            agent.tell(ToAgent::Begin { order: order.clone(), offset_ns });
            *step = Step::Starting;
        }
    }

    /// Takes what an agent says. Returns the answer to control.
    pub(super) fn hear(&mut self, number: usize, message: FromAgent) -> Option<PodAnswer> {
        let Self::Present { agent, step } = self else { return None };
        if agent.number != number {
            return None;
        }
        let answer = match (&*step, message) {
            (Step::Starting, FromAgent::Started(started)) => PodAnswer::Started(started),
            (Step::Sampling(asked), FromAgent::Sampled { window, sampled }) if asked.is_answered_by(window) => {
                PodAnswer::Sampled(sampled)
            }
            // The answer to a window that was given up.
            (Step::Ready, FromAgent::Sampled { .. }) => return None,
            (Step::Sampling(asked), FromAgent::Sampled { window, .. }) if window < asked.number => return None,
            _ => {
                let message = "a frame that does not answer the order".to_owned();
                return self.lose(number, &LostWhy::Protocol { message });
            }
        };
        *step = Step::Ready;
        Some(answer)
    }

    /// Handles the loss of an agent. Returns the answer to the command that it cannot carry out any more.
    pub(super) fn lose(&mut self, number: usize, why: &LostWhy) -> Option<PodAnswer> {
        let Self::Present { agent, step } = self else { return None };
        if agent.number != number {
            return None;
        }
        let (is_asked, message) = (!matches!(step, Step::Ready), format!("the agent of the pod was lost: {why}"));
        *self = Self::Lost { message: message.clone() };
        is_asked.then_some(PodAnswer::Failed { message })
    }

    /// Returns when the command that is under way fails; `None` if there is none, or it may take any time.
    pub(super) const fn latest(&self) -> Option<Mono> {
        match self {
            Self::Awaited { latest, .. } => Some(*latest),
            Self::Present { step: Step::Sampling(window), .. } => window.latest,
            Self::None | Self::Present { .. } | Self::Lost { .. } => None,
        }
    }

    /// Ends the wait for the agent, or for its answer, because it took too long.
    pub(super) fn be_late(&mut self) -> Option<PodAnswer> {
        let message = match self {
            Self::Awaited { name, wait, .. } => {
                let message =
                    format!("the agent {name} did not join within {wait}; the log of its container has the reason");
                *self = Self::None;
                message
            }
            Self::Present { step, .. } => {
                *step = Step::Ready;
                format!("the agent of the pod did not report its window within {ANSWER}")
            }
            Self::None | Self::Lost { .. } => return None,
        };
        Some(PodAnswer::Failed { message })
    }
}

impl Agent {
    /// Orders the next window; the instants are by the hub's clock.
    fn sample(&mut self, start: Mono, end: Mono) -> Window {
        self.windows += 1;
        let (window, ahead) = (self.windows, self.ahead_ns());
        // One estimate for both, which the next probe can replace.
        let offset_ns = ahead.saturating_add(self.hub_ahead_ns);
        self.tell(ToAgent::Sample { window, start: shifted(start, ahead), end: shifted(end, ahead), offset_ns });
        Window { number: window, end, latest: None }
    }

    fn tell(&self, message: ToAgent) {
        self.session.send(&ToNode::Agent(message));
    }

    /// Returns how far its clock is ahead of the hub's, in nanoseconds. It is measured before the first order.
    fn ahead_ns(&self) -> i64 {
        self.session.clock().map_or(0, |clock| clock.offset_ns)
    }
}

impl Window {
    /// Returns whether an answer to the window of this number is one to this window.
    const fn is_answered_by(&self, number: u64) -> bool {
        self.number == number && self.latest.is_some()
    }
}
