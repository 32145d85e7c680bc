//! Waking the user's task, except where it is awake.
//!
//! Handing a request to hyper's channel wakes the task that reads the channel. That is the task which hands it over and polls
//! the reading end right afterwards, so the wake-up would only make it run once more for nothing, with every request.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Wake, Waker};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` while no waker rings on this thread. Whoever calls it polls the connection afterwards.
pub(super) fn quietly<T>(act: impl FnOnce() -> T) -> T {
    QUIET.set(true);
    let done = act();
    QUIET.set(false);
    done
}

/// The waker that a connection is polled with.
#[derive(Default)]
pub(super) struct QuietWaker(Option<(Waker, Waker)>);

struct Ring(Waker);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !QUIET.get() {
            self.0.wake_by_ref();
        }
    }
}

impl QuietWaker {
    /// The waker that wakes `task`; the same as long as the task is.
    pub(super) fn of(&mut self, task: &Waker) -> &Waker {
        let stale = self.0.as_ref().is_none_or(|(known, _)| !known.will_wake(task));
        if stale {
            self.0 = None;
        }
        let (_, ring) = self.0.get_or_insert_with(|| (task.clone(), Waker::from(Arc::new(Ring(task.clone())))));
        ring
    }
}
