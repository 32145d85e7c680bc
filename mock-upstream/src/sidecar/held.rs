//! Memory that is kept for each request while it is in flight.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::leaks::mapped;
use crate::flags::parse_size;
use crate::share::{belongs, parse_share};

/// Flags about the memory of requests.
#[derive(Debug, Clone, clap::Args)]
pub struct HeldFlags {
    /// Keep this much memory for each request, from its arrival until it is answered
    #[arg(long, value_name = "SIZE", default_value = "0B", value_parser = parse_size)]
    pub request_memory: usize,
    /// Leak the memory of this share of the requests, e.g. 10%
    #[arg(long, value_name = "PERCENT", default_value = "0%", value_parser = parse_share, requires = "request_memory")]
    pub request_leak: f64,
}

/// The memory of the requests that are in flight, and what they have leaked.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: usize,
    leak: f64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    leaked: Vec<Vec<u8>>,
    /// Requests that were answered or given up.
    ended: u64,
    open: u64,
    most: u64,
}

/// Requests by what became of their memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeldReport {
    /// Requests that had memory at the same time, at most.
    pub most: u64,
    /// Requests whose memory is kept.
    pub leaked: u64,
}

/// The memory of a request.
#[derive(Debug)]
pub(crate) struct Memory<'h> {
    held: &'h Held,
    memory: Vec<u8>,
}

impl Held {
    pub(crate) fn new(flags: &HeldFlags) -> Self {
        Self { bytes: flags.request_memory, leak: flags.request_leak, table: Mutex::default() }
    }

    /// Allocates the memory of a request; `None` without the flag.
    pub(crate) fn hold(&self) -> Option<Memory<'_>> {
        if self.bytes == 0 {
            return None;
        }
        let memory = mapped(self.bytes);
        let mut table = self.table();
        table.open += 1;
        table.most = table.most.max(table.open);
        Some(Memory { held: self, memory })
    }

    pub(crate) fn report(&self) -> HeldReport {
        let table = self.table();
        HeldReport { most: table.most, leaked: table.leaked.len() as u64 }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        let mut table = self.held.table();
        table.open -= 1;
        if belongs(self.held.leak, table.ended) {
            let memory = std::mem::take(&mut self.memory);
            table.leaked.push(memory);
        }
        table.ended += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_memory_until_it_ends_and_a_share_of_them_for_ever() {
        let held = Held::new(&HeldFlags { request_memory: 4096, request_leak: 0.5 });
        let requests: Vec<_> = (0..4).map(|_| held.hold().unwrap()).collect();
        assert!(requests.iter().all(|request| request.memory.len() == 4096));
        assert_eq!(held.report(), HeldReport { most: 4, leaked: 0 });
        drop(requests);
        assert_eq!(held.report(), HeldReport { most: 4, leaked: 2 });
        assert!(Held::new(&HeldFlags { request_memory: 0, request_leak: 0.0 }).hold().is_none());
    }
}
