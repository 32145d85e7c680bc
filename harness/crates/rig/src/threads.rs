//! The CPU use of a process's threads over a window.

use serde::{Deserialize, Serialize};

use super::usage::{ProcessUsage, Reading, Series, ThreadUsage};

/// The CPU use of the threads that existed at both edges of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ThreadsUsage {
    /// The time between the readings at both edges, in nanoseconds.
    pub span_ns: u64,
    /// Time they were on a CPU, in nanoseconds, summed over them.
    pub on_cpu_ns: u64,
    /// Time they were runnable but waited for a CPU, in nanoseconds, summed over them.
    pub waiting_ns: u64,
    /// The one that was runnable longest; its times are those within the window.
    pub busiest: ThreadUsage,
    pub busiest_name: Option<String>,
}

impl ThreadsUsage {
    /// Returns what threads did between two looks that lie `span_ns` apart; `None` without a thread that was seen at both.
    pub fn between(before: &[ThreadUsage], after: &[ThreadUsage], span_ns: u64) -> Option<Self> {
        let used = after.iter().filter_map(|thread| {
            let earlier = before.iter().find(|earlier| earlier.tid == thread.tid)?;
            Some(ThreadUsage {
                tid: thread.tid,
                on_cpu_ns: thread.on_cpu_ns.checked_sub(earlier.on_cpu_ns)?,
                waiting_ns: thread.waiting_ns.checked_sub(earlier.waiting_ns)?,
            })
        });
        let used: Vec<ThreadUsage> = used.collect();
        let busiest = *used.iter().max_by_key(|thread| thread.on_cpu_ns + thread.waiting_ns)?;
        Some(Self {
            span_ns,
            on_cpu_ns: used.iter().map(|thread| thread.on_cpu_ns).sum(),
            waiting_ns: used.iter().map(|thread| thread.waiting_ns).sum(),
            busiest,
            busiest_name: None,
        })
    }

    /// Returns the number of CPUs that they used or waited for, on average; `None` when no time passed.
    pub fn wanted_cpus(&self) -> Option<f64> {
        self.per_span(self.on_cpu_ns + self.waiting_ns)
    }

    /// Returns the share of the window in which the busiest one was runnable: on a CPU or waiting for one (0 to 1).
    pub fn busiest_share(&self) -> Option<f64> {
        self.per_span(self.busiest.on_cpu_ns + self.busiest.waiting_ns)
    }

    fn per_span(&self, ns: u64) -> Option<f64> {
        (self.span_ns > 0).then(|| ns as f64 / self.span_ns as f64)
    }
}

impl Series<Reading> {
    /// Returns the largest share of the window (0 to 1) that one thread of a process was runnable: on a CPU or waiting for one.
    pub fn busiest_thread(&self, of: impl Fn(&Reading) -> Option<&ProcessUsage>) -> Option<f64> {
        let (first, last) = self.edges()?;
        let (before, after) = (of(first)?.threads.as_ref()?, of(last)?.threads.as_ref()?);
        ThreadsUsage::between(before, after, self.span_ns()?)?.busiest_share()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(tid: i32, on_cpu_ns: u64, waiting_ns: u64) -> ThreadUsage {
        ThreadUsage { tid, on_cpu_ns, waiting_ns }
    }

    #[test]
    fn the_busiest_is_the_one_that_was_runnable_longest_within_the_window() {
        // Thread 1 did the most before, thread 9 came later, thread 4 ended.
        let before = [thread(1, 9_000, 0), thread(2, 100, 50), thread(3, 0, 0), thread(4, 0, 0)];
        let after = [thread(1, 9_100, 0), thread(2, 500, 450), thread(3, 600, 0), thread(9, 1_000, 0)];
        let found = ThreadsUsage::between(&before, &after, 1_000).unwrap();
        assert_eq!((found.on_cpu_ns, found.waiting_ns), (1_100, 400));
        assert_eq!(found.busiest, thread(2, 400, 400));
        assert_eq!((found.wanted_cpus(), found.busiest_share()), (Some(1.5), Some(0.8)));
    }

    #[test]
    fn without_a_thread_or_without_time_nothing_is_known() {
        assert_eq!(ThreadsUsage::between(&[thread(1, 0, 0)], &[thread(2, 5, 0)], 10), None);
        let none = ThreadsUsage::between(&[thread(1, 0, 0)], &[thread(1, 5, 0)], 0).unwrap();
        assert_eq!((none.wanted_cpus(), none.busiest_share()), (None, None));
    }
}
