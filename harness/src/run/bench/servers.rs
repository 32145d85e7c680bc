//! Reads when the bundled server of an arm on pipes did not run.

use super::Bench;
use crate::measure::{Arm, LoadFacts};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

impl Bench {
    /// Adds to a trial how long the server behind its arm did not run in the window although it was due, without what the hypervisor can have
    /// taken. Does nothing for other servers than the bundled one on pipes, which cannot tell.
    pub(crate) fn add_server_stalls(&self, arm: Arm, load: &mut LoadFacts) {
        let running = match arm {
            Arm::Direct => self.upstream.as_ref().and_then(|upstream| upstream.running.as_ref()),
            Arm::Proxied => Some(&self.target),
        };
        let written = running.and_then(|running| std::fs::read_to_string(running.stalls.as_ref()?).ok());
        let window = (load.window_start, load.window_start.after(Nanos(load.window_ns)));
        if let (Some(written), Some(stdio)) = (written, &mut load.stdio) {
            let stalls = written.lines().filter_map(|line| within(line, window));
            stdio.server_stall_ns = Some(stalls.fold(Nanos::ZERO, Nanos::plus).0);
        }
    }
}

/// Returns the part of a stall that is in a window: a line has begin, end, and what the hypervisor can have taken.
fn within(line: &str, (start, end): (Mono, Mono)) -> Option<Nanos> {
    let mut numbers = line.split_ascii_whitespace().map(|number| number.parse::<u64>().ok());
    let (from, until, stolen) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some(Mono(until).min(end).since(Mono(from).max(start)).minus(Nanos(stolen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_stall_in_the_window_counts() {
        let window = (Mono(100), Mono(200));
        assert_eq!(within("50 130 10", window), Some(Nanos(20)));
        assert_eq!((within("0 100 0", window), within("150 900 0", window)), (Some(Nanos(0)), Some(Nanos(50))));
        assert_eq!((within("150 900", window), within("a b c", window)), (None, None));
    }
}
