//! Moves instants from the agent's clock to that of control.

use harness_base::clock::Mono;
use harness_load::shift::shifted;
use harness_rig::usage::{Reading, Series};

/// Moves an instant. `offset_ns` is the clock of the agent − that of control.
pub(super) const fn to_control(at: Mono, offset_ns: i64) -> Mono {
    shifted(at, offset_ns.saturating_neg())
}

/// Moves the instants of readings like [`to_control`].
pub(super) fn readings_to_control(mut readings: Series<Reading>, offset_ns: i64) -> Series<Reading> {
    for reading in &mut readings.0 {
        reading.at = to_control(reading.at, offset_ns);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_gives_earlier_instants() {
        assert_eq!(to_control(Mono(1_000), 400), Mono(600));
        assert_eq!(to_control(Mono(1_000), -400), Mono(1_400));
        assert_eq!((to_control(Mono(5), 400), to_control(Mono(5), i64::MIN)), (Mono(0), Mono(i64::MAX as u64 + 5)));
        let series = Series(vec![Reading { at: Mono(7), ..Reading::default() }]);
        assert_eq!(readings_to_control(series, 7).0[0].at, Mono(0));
    }
}
