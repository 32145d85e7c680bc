//! Matches a request with what the foreign host saw, and computes the value of a launch.

use super::facts::{Approval, Faults, Instance, Stage};
use crate::measure::audit::OwnProcess;
use crate::measure::facts::{InstanceFacts, StageFacts};
use crate::measure::record::{InstanceRecord, StageRecord};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// A request for approval, as the foreign host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) at: Mono,
    /// When the approval is given.
    pub(crate) approved: Mono,
}

/// A span in which a process of the harness did not run although it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paused {
    pub(crate) process: OwnProcess,
    pub(crate) from: Mono,
    pub(crate) until: Mono,
}

/// The processes of the harness whose stalls make a request look longer.
pub(crate) const INVOLVED: [OwnProcess; 3] = [OwnProcess::Generator, OwnProcess::Egress, OwnProcess::Upstream];

/// A request is left out if stalls take more than 1/10 of a span that is measured. A smaller part changes it by less than the 10 % within
/// which results must be correct.
const LARGEST_PART: u64 = 10;

/// Returns the facts of a stage; `None` for a stage of another kind.
pub(crate) const fn facts(stage: &StageRecord) -> Option<&Stage> {
    match &stage.facts {
        StageFacts::Approval(facts) => Some(facts),
        _ => None,
    }
}

/// Returns the facts of a launch; `None` for one of another kind.
pub(crate) const fn of_launch(instance: &InstanceRecord) -> Option<&Instance> {
    match &instance.facts {
        InstanceFacts::Approval(facts) => Some(facts),
        _ => None,
    }
}

/// Matches a request that was sent and answered at these instants with the requests for approval that were seen meanwhile. All instants are of
/// one clock.
///
/// # Errors
/// Returns the fault: it is valid only if approval was asked for once, between the request and its answer, and given before the answer.
pub(crate) fn matched((sent, answered): (Mono, Mono), asked: &[Asked]) -> Result<Approval, Faults> {
    let fault = Faults::default();
    let asked = match asked {
        [] => return Err(Faults { unasked: 1, ..fault }),
        [asked] => asked,
        _ => return Err(Faults { repeated: 1, ..fault }),
    };
    if asked.at < sent || asked.at > answered {
        return Err(Faults { out_of_order: 1, ..fault });
    }
    if answered < asked.approved {
        return Err(Faults { early: 1, ..fault });
    }
    Ok(Approval {
        overhead_ns: asked.at.since(sent).0,
        decision_ns: answered.since(asked.approved).0,
        total_ns: answered.since(sent).0,
    })
}

/// Returns the process whose stalls take too large a part of the time until approval was asked for, or of the time from the approval to the
/// answer. Between them the target waits for the approval.
pub(crate) fn disturbed((sent, answered): (Mono, Mono), asked: Asked, paused: &[Paused]) -> Option<OwnProcess> {
    let takes_much = |process: OwnProcess, (from, until): (Mono, Mono)| {
        let own = paused.iter().filter(|paused| paused.process == process);
        let inside = own.map(|paused| paused.until.min(until).since(paused.from.max(from)));
        inside.fold(Nanos::ZERO, Nanos::plus).times(LARGEST_PART) > until.since(from)
    };
    let spans = [(sent, asked.at), (asked.approved, answered)];
    INVOLVED.into_iter().find(|process| spans.iter().any(|span| takes_much(*process, *span)))
}

/// Returns the median of a span over the requests of a launch, in milliseconds. `None` without a valid one.
pub(crate) fn median_ms(instance: &Instance, of: fn(&Approval) -> u64) -> Option<f64> {
    let mut spans: Vec<u64> = instance.approvals.iter().map(of).collect();
    spans.sort_unstable();
    let middle = spans.len() / 2;
    let upper = *spans.get(middle)? as f64;
    let lower = if spans.len().is_multiple_of(2) { *spans.get(middle.checked_sub(1)?)? as f64 } else { upper };
    Some(f64::midpoint(lower, upper) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Mono = Mono(1_000);
    const ANSWERED: Mono = Mono(9_000);

    fn seen(asked: &[(u64, u64)]) -> Result<Approval, Faults> {
        let asked: Vec<Asked> =
            asked.iter().map(|(at, approved)| Asked { at: Mono(*at), approved: Mono(*approved) }).collect();
        matched((SENT, ANSWERED), &asked)
    }

    #[test]
    fn the_spans_of_an_approved_request_are_differences_of_one_clock() {
        let expected = Approval { overhead_ns: 500, decision_ns: 2_500, total_ns: 8_000 };
        assert_eq!(seen(&[(1_500, 6_500)]), Ok(expected));
        assert_eq!(seen(&[(1_000, 9_000)]), Ok(Approval { overhead_ns: 0, decision_ns: 0, total_ns: 8_000 }));
    }

    #[test]
    fn a_request_without_exactly_one_approval_in_time_is_a_fault_of_its_kind() {
        let none = Faults::default();
        assert_eq!(seen(&[]), Err(Faults { unasked: 1, ..none }));
        assert_eq!(seen(&[(1_500, 2_000), (3_000, 4_000)]), Err(Faults { repeated: 1, ..none }));
        assert_eq!(seen(&[(999, 2_000)]), Err(Faults { out_of_order: 1, ..none }));
        assert_eq!(seen(&[(9_001, 9_002)]), Err(Faults { out_of_order: 1, ..none }));
        assert_eq!(seen(&[(8_000, 9_001)]), Err(Faults { early: 1, ..none }));
    }

    #[test]
    fn a_stall_within_a_measured_span_disturbs_a_request_and_one_during_the_wait_does_not() {
        let asked = Asked { at: Mono(2_000), approved: Mono(8_000) };
        let of = |process, from, until| {
            disturbed((SENT, ANSWERED), asked, &[Paused { process, from: Mono(from), until: Mono(until) }])
        };
        assert_eq!(of(OwnProcess::Egress, 1_500, 1_601), Some(OwnProcess::Egress));
        assert_eq!(of(OwnProcess::Upstream, 7_000, 8_200), Some(OwnProcess::Upstream));
        assert_eq!(of(OwnProcess::Generator, 1_500, 1_600), None, "a tenth of the time until it was asked");
        assert_eq!((of(OwnProcess::Egress, 2_000, 8_000), of(OwnProcess::Egress, 0, 1_000)), (None, None));
        assert_eq!(of(OwnProcess::Egress, 9_000, 9_900), None);
    }

    #[test]
    fn the_value_of_a_launch_is_the_median_of_its_requests() {
        let launch = |spans: &[u64]| {
            let approvals = spans.iter().map(|span| Approval { overhead_ns: *span, ..Approval::default() }).collect();
            median_ms(&Instance { approvals, ..Instance::default() }, |approval| approval.overhead_ns)
        };
        assert_eq!(launch(&[]), None);
        assert_eq!(launch(&[3_000_000, 1_000_000, 50_000_000]), Some(3.0));
        assert_eq!(launch(&[3_000_000, 1_000_000]), Some(2.0));
    }
}
