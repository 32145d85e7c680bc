//! All clients of a launch together: opens many sessions or streams, and ends them.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::peer::{Deleted, Line, Peer};
use super::tally::Tally;
use crate::measure::Outcome;
use crate::stages::sessions::facts::{Ended, Ends, Held};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// Requests at the same time.
const AT_ONCE: usize = 16;
/// Connections that are opened before it is checked whether the target still takes them.
const GROUP: u64 = 64;

/// How one client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Finish,
    Delete,
    Close,
    Abandon,
}

/// The clients of one launch.
pub(super) struct Crowd {
    peer: Arc<Peer>,
    held: Held,
    lines: Vec<Line>,
    /// Lines whose clients send nothing more. They stay open until the crowd is dropped.
    abandoned: Vec<Line>,
    /// Streams that the target ended.
    pub(super) cut: u64,
    pub(super) tally: Tally,
}

impl Crowd {
    pub(super) fn new(peer: Peer, held: Held) -> Self {
        let (lines, abandoned, tally) = (Vec::new(), Vec::new(), Tally::default());
        Self { peer: Arc::new(peer), held, lines, abandoned, cut: 0, tally }
    }

    /// Counts what is open.
    pub(super) fn open(&self) -> u64 {
        match self.held {
            Held::Sessions => self.lines.iter().map(|line| line.sessions.len() as u64).sum(),
            Held::Streams | Held::Requests => self.lines.len() as u64,
        }
    }

    /// Opens connections until there are `wanted`. Stops early once most of a group fail, so that a target that takes no more is not
    /// waited for.
    pub(super) async fn fill(&mut self, wanted: u64) {
        while (self.lines.len() as u64) < wanted {
            let group = GROUP.min(wanted - self.lines.len() as u64);
            let peer = &self.peer;
            let opened = each(0..group, |_| {
                let peer = Arc::clone(peer);
                async move { peer.open().await }
            })
            .await;
            let before = self.lines.len();
            for (line, tally) in opened {
                self.lines.extend(line);
                self.tally.merge(tally);
            }
            if ((self.lines.len() - before) as u64) < group.div_ceil(2) {
                return;
            }
        }
    }

    /// Removes the streams that the target has ended, and counts them as errors.
    pub(super) fn count_cut(&mut self) {
        let before = self.lines.len();
        self.lines.retain(|line| !line.streaming || !line.connection.has_ended());
        let cut = (before - self.lines.len()) as u64;
        self.cut += cut;
        self.tally.outcomes.add(Outcome::Reset, cut);
        if cut > 0 {
            self.tally.example.get_or_insert_with(|| "the target ended a stream by itself".to_owned());
        }
    }

    /// Sends a ping on each session.
    pub(super) async fn ping(&mut self) {
        let peer = &self.peer;
        let pinged = each(self.lines.drain(..), |mut line| {
            let peer = Arc::clone(peer);
            async move {
                let tally = peer.ping(&mut line).await;
                (line, tally)
            }
        })
        .await;
        for (line, tally) in pinged {
            self.lines.push(line);
            self.tally.merge(tally);
        }
    }

    /// Sends pings in this interval until `until`.
    pub(super) async fn ping_until(&mut self, every: Nanos, until: Mono) {
        loop {
            let next = Mono::now().after(every);
            if next >= until {
                return;
            }
            tokio::time::sleep(next.remaining().duration()).await;
            self.ping().await;
        }
    }

    /// Ends everything that is open.
    pub(super) async fn end(&mut self, ends: Ends) -> Ended {
        let mut ended = Ended::default();
        let (mut deleting, mut finishing) = (Vec::new(), Vec::new());
        for (line, way) in self.lines.drain(..).zip(ways(ends)) {
            let count = if self.held == Held::Sessions { line.sessions.len() as u64 } else { 1 };
            match way {
                Way::Finish => finishing.push(line),
                Way::Delete => deleting.push(line),
                Way::Close => ended.closed += count,
                Way::Abandon => {
                    ended.abandoned += count;
                    self.abandoned.push(line);
                }
            }
        }
        let peer = &self.peer;
        let deleted = each(deleting, |mut line| {
            let peer = Arc::clone(peer);
            async move { peer.delete(&mut line).await }
        })
        .await;
        for (done, tally) in deleted {
            let of = |wanted: Deleted| done.iter().filter(|done| **done == wanted).count() as u64;
            ended.deleted += of(Deleted::Yes);
            ended.not_deletable += of(Deleted::NotDeletable);
            self.tally.merge(tally);
        }
        let finished = each(finishing, |mut line| {
            let peer = Arc::clone(peer);
            async move { peer.finish(&mut line).await }
        })
        .await;
        for tally in finished {
            ended.finished += tally.outcomes.ok;
            self.tally.merge(tally);
        }
        ended
    }
}

/// Returns how each client leaves, so that any run of clients has nearly the shares of all: the way that is furthest behind its share.
fn ways(ends: Ends) -> impl Iterator<Item = Way> {
    let Ends { delete, close, abandon, finish } = ends;
    let mut ways = [
        (Way::Finish, finish, 0.0),
        (Way::Delete, delete, 0.0),
        (Way::Close, close, 0.0),
        (Way::Abandon, abandon, 0.0),
    ];
    (1..).map(move |number| {
        let mut next = 0;
        let due = |(_, share, done): &(Way, f64, f64)| share * f64::from(number) - done;
        for place in 1..ways.len() {
            if due(&ways[place]) > due(&ways[next]) {
                next = place;
            }
        }
        ways[next].2 += 1.0;
        ways[next].0
    })
}

/// Does `work` with each item, a few at the same time, and returns the results in the order in which they are done.
async fn each<T, R, F>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Vec<R>
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for item in items {
        while running.len() >= AT_ONCE {
            done.extend(running.join_next().await.and_then(Result::ok));
        }
        running.spawn(work(item));
    }
    done.extend(running.join_all().await);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_have_their_shares_in_every_run_of_clients() {
        let shares = Ends { delete: 0.5, close: 0.3, abandon: 0.2, finish: 0.0 };
        let found: Vec<Way> = ways(shares).take(100).collect();
        for (way, share) in [(Way::Delete, 0.5), (Way::Close, 0.3), (Way::Abandon, 0.2)] {
            for part in found.chunks(10) {
                let count = part.iter().filter(|found| **found == way).count() as f64;
                assert!((count - 10.0 * share).abs() <= 1.0, "{way:?}: {part:?}");
            }
        }
        let all = ways(Ends { delete: 1.0, close: 0.0, abandon: 0.0, finish: 0.0 }).take(50);
        assert!(all.into_iter().all(|way| way == Way::Delete));
    }
}
