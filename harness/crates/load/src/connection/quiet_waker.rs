//! A waker that can be silenced while the user's task is running.
//!
//! Sending a request through hyper's channel wakes the task that reads the channel. Here, that is the same task, which polls the
//! reading end immediately afterwards. The wake-up would make it run once more without effect, with every request.

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Wake, Waker};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` while wakers on this thread are silent. The caller must poll the connection afterwards.
pub(super) fn quietly<T>(act: impl FnOnce() -> T) -> T {
    QUIET.set(true);
    let done = act();
    QUIET.set(false);
    done
}

/// The waker that a connection is polled with.
#[derive(Default)]
pub(super) struct QuietWaker(Option<(Waker, Waker)>);

struct Silenceable(Waker);

impl Wake for Silenceable {
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
    /// Returns a waker for `task`. Reuses the last one if the task is the same.
    pub(super) fn of(&mut self, task: &Waker) -> &Waker {
        let stale = self.0.as_ref().is_none_or(|(known, _)| !known.will_wake(task));
        if stale {
            self.0 = None;
        }
        let (_, waker) = self.0.get_or_insert_with(|| (task.clone(), Waker::from(Arc::new(Silenceable(task.clone())))));
        waker
    }
}
