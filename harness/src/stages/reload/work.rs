//! Plans reloads under load.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::work::load::{GAP, LAUNCH, LoadWork};
use crate::work::planned::StageWork;
use harness_base::units::Nanos;
use harness_load::spec::Watch;
use harness_rig::probe::Call;

/// Values of `--quick`. The times have no interval over instances then.
const QUICK_INSTANCES: u64 = 2;
const QUICK_RELOADS: u64 = 2;

#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The load of one instance; its window contains all reloads.
    pub load: LoadWork,
    /// Load before the first reload.
    pub before: Nanos,
    /// Time from one reload to the next.
    pub every: Nanos,
    pub reloads: u64,
    pub trigger: Trigger,
    pub watch: Watch,
}

/// What makes the target reload: a changed file, an act, or both in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub rewrite: Option<Rewrite>,
    /// Absent for a target that watches its file.
    pub act: Option<Act>,
}

/// A file of `[target.files]` whose content is exchanged: by that of another one, and back at the next reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    pub file: String,
    pub from: String,
}

/// What is done to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A signal to the process that was started.
    Signal(Signal),
    /// A request to one of its endpoints, with a path of its own.
    Request { call: Call, path: String, place: Place },
}

/// Signals by which programs reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Hup,
    Usr1,
    Usr2,
}

impl Signal {
    pub const ALL: [Self; 3] = [Self::Hup, Self::Usr1, Self::Usr2];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        }
    }
}

/// The endpoint that a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Proxy,
    Health,
    Ready,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::Proxy, Self::Health, Self::Ready];

    /// Returns the word in scenarios.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Health => "health",
            Self::Ready => "ready",
        }
    }
}

impl Work {
    /// Returns the window that contains all reloads.
    pub fn window(before: Nanos, every: Nanos, reloads: u64) -> Nanos {
        before.plus(every.times(reloads))
    }

    fn describe_trigger(&self) -> String {
        let rewrite =
            self.trigger.rewrite.as_ref().map(|Rewrite { file, from }| format!("{file} with the content of {from}"));
        let act = self.trigger.act.as_ref().map(|act| match act {
            Act::Signal(signal) => format!("SIG{}", signal.word()),
            Act::Request { call, path, place } => format!("{} {path} at its {} endpoint", call.method, place.word()),
        });
        rewrite.into_iter().chain(act).collect::<Vec<_>>().join(" and ")
    }

    fn describe_watch(&self) -> String {
        match &self.watch {
            Watch::Header(name) => format!("header {name}"),
            Watch::Pointer(pointer) => format!("the JSON at {pointer}"),
        }
    }
}

impl StageWork for Work {
    fn describe(&self) -> String {
        format!(
            "{} reloads of each of {} instances by {}, one every {}, under {}; seen in {} of the answers",
            self.reloads,
            self.load.instances,
            self.describe_trigger(),
            self.every.notation(),
            self.load.describe_pace(),
            self.describe_watch()
        )
    }

    fn duration(&self) -> Nanos {
        LAUNCH.plus(self.load.warmup).plus(self.load.window).plus(GAP).times(self.load.instances)
    }

    /// Keeps the time between two reloads, within which every connection must see the first one.
    fn shorten(&mut self) {
        self.load.instances = self.load.instances.min(QUICK_INSTANCES);
        self.reloads = self.reloads.min(QUICK_RELOADS);
        self.load.window = Self::window(self.before, self.every, self.reloads);
    }

    fn wanted(&self) -> u64 {
        self.load.instances
    }

    fn load(&self) -> Option<&LoadWork> {
        Some(&self.load)
    }

    fn compares(&self) -> bool {
        false
    }

    fn needs_headroom(&self) -> bool {
        false
    }

    fn facts(&self) -> StageFacts {
        Stage {
            trigger: self.describe_trigger(),
            observed: self.describe_watch(),
            reloads: self.reloads,
            every_ns: self.every.0,
        }
        .into()
    }
}
