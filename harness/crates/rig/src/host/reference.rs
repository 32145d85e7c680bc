//! Measures how fast this machine is at the moment: a short fixed calibration that takes about a tenth of a second.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use harness_base::clock::Mono;

/// Bytes that are hashed at a time.
const HASHED: usize = 256 * 1024;
/// Bytes that are copied at a time: more than a cache close to the CPU holds.
const COPIED: usize = 16 << 20;
/// Repetitions of each, of which the fastest counts: others disturb a repetition, but cannot make it faster.
const REPETITIONS: usize = 9;
/// Round trips over loopback, of which the median counts.
const ROUND_TRIPS: usize = 500;

/// The speed of a machine at an instant. Less is faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Time to compute the SHA-256 of 256 KiB, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub cpu_ns: u64,
    /// Time to copy 16 MiB, in nanoseconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub memory_ns: u64,
    /// Median time of a byte to a thread that waits for it on a loopback connection and back, in nanoseconds: two wake-ups.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub wakeup_ns: u64,
}

/// Measures the speed of this machine. Returns `None` if no loopback connection can be opened, or no thread be started.
pub fn reference() -> Option<Reference> {
    let hashed = vec![7_u8; HASHED];
    let cpu_ns = fastest(|| {
        black_box(Sha256::digest(black_box(&hashed)));
    });
    let (from, mut to) = (vec![7_u8; COPIED], vec![0_u8; COPIED]);
    let memory_ns = fastest(|| to.copy_from_slice(black_box(&from)));
    black_box(&to);
    Some(Reference { cpu_ns, memory_ns, wakeup_ns: wakeup().ok()?? })
}

fn fastest(mut work: impl FnMut()) -> u64 {
    let once = |_| {
        let begun = Mono::now();
        work();
        Mono::now().since(begun).0
    };
    (0..REPETITIONS).map(once).min().unwrap_or(0).max(1)
}

/// Returns the median of the round trips.
fn wakeup() -> std::io::Result<Option<u64>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut trips = Vec::with_capacity(ROUND_TRIPS);
    std::thread::scope(|scope| {
        let answer = move || {
            let mut byte = [0];
            while far.read_exact(&mut byte).and_then(|()| far.write_all(&byte)).is_ok() {}
        };
        std::thread::Builder::new().spawn_scoped(scope, answer)?;
        let mut byte = [1];
        for _ in 0..ROUND_TRIPS {
            let begun = Mono::now();
            near.write_all(&byte)?;
            near.read_exact(&mut byte)?;
            trips.push(Mono::now().since(begun).0);
        }
        // Closing the connection ends the thread.
        drop(near);
        Ok::<_, std::io::Error>(())
    })?;
    trips.sort_unstable();
    Ok(trips.get(ROUND_TRIPS / 2).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_a_machine_is_about_the_same_a_moment_later() {
        let (one, other) = (reference().unwrap(), reference().unwrap());
        let near = |one: u64, other: u64| one < 5 * other && other < 5 * one;
        assert!(near(one.cpu_ns, other.cpu_ns), "{one:?} {other:?}");
        assert!(near(one.memory_ns, other.memory_ns), "{one:?} {other:?}");
        assert!(one.wakeup_ns > 1_000 && other.wakeup_ns < 50_000_000, "{one:?} {other:?}");
    }
}
