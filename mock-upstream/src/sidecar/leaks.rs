//! Ballast and leaks.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Memory and descriptors that are never released.
#[derive(Debug, Default)]
pub(crate) struct Leaks {
    ballast: Vec<u8>,
    memory: Mutex<Vec<Vec<u8>>>,
    files: Mutex<Vec<File>>,
    leaked_bytes: AtomicU64,
    leaked_fds: AtomicU64,
    sawteeth: AtomicU64,
}

/// Allocates memory and writes every byte, so that every page is resident.
pub(crate) fn touched(bytes: usize) -> Vec<u8> {
    vec![0x5a; bytes]
}

/// The least capacity of memory that is released exactly. The allocator maps an allocation of more than 32 MiB separately, and unmaps it
/// when it is freed; smaller ones it may keep.
const CAPACITY: usize = 33 << 20;

/// Maps memory and writes every byte, so that every page is resident, and released when it is freed.
pub(crate) fn mapped(bytes: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(bytes.max(CAPACITY));
    memory.resize(bytes, 0x5a);
    memory
}

impl Leaks {
    pub(crate) fn with_ballast(bytes: usize) -> Self {
        Self { ballast: touched(bytes), ..Self::default() }
    }

    pub(crate) fn ballast_bytes(&self) -> u64 {
        self.ballast.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.leaked_bytes.load(Relaxed)
    }

    pub(crate) fn fds(&self) -> u64 {
        self.leaked_fds.load(Relaxed)
    }

    pub(crate) fn sawteeth(&self) -> u64 {
        self.sawteeth.load(Relaxed)
    }

    pub(crate) fn count_sawtooth(&self) {
        self.sawteeth.fetch_add(1, Relaxed);
    }

    pub(crate) fn leak_memory(&self, bytes: usize) {
        if bytes > 0 {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.push(touched(bytes));
            self.leaked_bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// Leaks `count` descriptors, or fewer if the limit of the process is reached.
    pub(crate) fn leak_fds(&self, count: u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..count {
            let Ok(file) = File::open("/dev/null") else {
                return;
            };
            files.push(file);
            self.leaked_fds.fetch_add(1, Relaxed);
        }
    }
}
