//! Counts the lines of a server that answer no request, by whether they arrived in the window of the present trial.

use std::sync::{Mutex, PoisonError};

use super::facts::{Stdio, Stray, charge};
use crate::facts::LoadFacts;
use harness_base::clock::Mono;

/// The number of bytes of a line that are shown.
const EXCERPT: usize = 120;

/// The counts of the present trial.
#[derive(Debug, Default)]
pub(super) struct Counter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    window: (Mono, Mono),
    facts: Stdio,
    /// The first of them, and when it arrived.
    first: Option<(Mono, String)>,
}

/// What was counted in a trial.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) facts: Stdio,
    /// When the first line arrived that answers no request, and what it is.
    pub(crate) first: Option<(Mono, String)>,
}

impl Counted {
    /// Adds what was counted to the facts of its trial, and charges the lines that answer no request.
    pub(crate) fn charged(self, mut facts: LoadFacts) -> LoadFacts {
        let Self { facts: stdio, first } = self;
        charge(&mut facts.outcomes, &mut facts.outside, &stdio);
        if let Some((at, example)) = first {
            if !stdio.strays.is_empty() {
                facts.first_error_ns.get_or_insert(at.since(facts.window_start).0);
            }
            facts.examples.push(example);
        }
        LoadFacts { stdio: Some(Box::new(stdio)), ..facts }
    }
}

impl Counter {
    /// Begins with the trial that has this window.
    pub(super) fn begin(&self, window: (Mono, Mono)) {
        self.with(|counts| *counts = Counts { window, ..Counts::default() });
    }

    pub(super) fn notification(&self) {
        self.with(|counts| counts.facts.notifications += 1);
    }

    pub(super) fn stray(&self, stray: Stray, at: Mono, line: &[u8]) {
        self.with(|counts| {
            let (start, end) = counts.window;
            let facts = &mut counts.facts;
            let place = if (start..end).contains(&at) { &mut facts.strays } else { &mut facts.outside };
            *place.entry(stray).or_insert(0) += 1;
            counts.first.get_or_insert_with(|| (at, format!("{}: {}", stray.words(), excerpt(line))));
        });
    }

    pub(super) fn end(&self) -> Counted {
        self.with(|counts| {
            let Counts { facts, first, .. } = std::mem::take(counts);
            Counted { facts, first }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Counts) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the beginning of a line, for people.
pub(super) fn excerpt(line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&line[..line.len().min(EXCERPT)]);
    shown.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_window_in_which_it_arrives() {
        let counter = Counter::default();
        counter.begin((Mono(100), Mono(200)));
        for (at, stray) in [(99, Stray::Late), (100, Stray::Unknown), (199, Stray::Unknown), (200, Stray::Repeated)] {
            counter.stray(stray, Mono(at), b"{}\n");
        }
        counter.notification();
        let Counted { facts, first } = counter.end();
        assert_eq!(facts.strays, [(Stray::Unknown, 2)].into());
        assert_eq!(facts.outside, [(Stray::Repeated, 1), (Stray::Late, 1)].into());
        assert_eq!((facts.notifications, first), (1, Some((Mono(99), "after the timeout: {}".to_owned()))));
        assert_eq!(counter.end().facts, Stdio::default(), "the next trial begins without them");
    }
}
