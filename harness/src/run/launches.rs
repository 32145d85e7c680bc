//! Repeats launches until enough of them count. A launch that the host disturbed is repeated, with that of the other build.

use super::builds::builds;
use super::disturbers::{self, Neighbours};
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use crate::measure::audit::{Check, Found, Rule, by_rule};
use crate::measure::reason::{Problem, Reason};
use crate::measure::trial::Build;
use crate::work::Stage;

/// How many times as many launches as wanted are made on a disturbed host.
const PATIENCE: u64 = 4;

/// One launch to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launching {
    /// Index of the instance within the stage.
    pub(crate) index: u32,
    pub(crate) build: Build,
    /// From 0; both builds are launched in each turn.
    pub(crate) turn: u64,
}

/// Launches each build until `wanted` launches count. `launch` makes one and returns the rules that it violated.
///
/// # Errors
/// Returns [`Halt::Invalid`] if too few count, or the error of a launch.
pub(crate) async fn repeat(
    rig: &mut Rig<'_>,
    stage: &Stage,
    wanted: u64,
    launch: impl AsyncFn(&mut Rig<'_>, Launching) -> Result<Vec<Check>, Halt>,
) -> Result<(), Halt> {
    let (mut counted, mut left_out, mut neighbours) = (0, Vec::new(), Neighbours::now());
    for turn in 0.. {
        let order = builds(stage, turn);
        let mut indices = Vec::with_capacity(order.len());
        let mut found = Vec::new();
        for (index, build) in (turn * order.len() as u64..).zip(order) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            found.extend(launch(rig, Launching { index, build: *build, turn }).await?);
            indices.push(index);
        }
        if found.is_empty() {
            counted += 1;
        } else {
            indices.into_iter().for_each(|index| rig.recorder.left_out(index, &found));
            if found.iter().any(|check| check.rule() == Rule::ForeignCpu) && !rig.plan.is_in_pod() {
                neighbours.record(&mut rig.recorder, &[rig.site.keeper.pid()]);
            }
            left_out.push(found);
        }
        rig.emit(Event::Step { done: counted, of: wanted });
        if counted == wanted {
            return Ok(());
        }
        if is_exhausted(counted, left_out.len() as u64, wanted) {
            let reasons = reasons(&left_out, counted, wanted);
            return Err(Halt::Invalid(reasons.into_iter().chain(disturbers::reasons(&rig.recorder)).collect()));
        }
    }
    Ok(())
}

/// Returns whether no further launch is made: after four times as many as wanted, or as many as wanted of which none counts.
const fn is_exhausted(counted: u64, left_out: u64, wanted: u64) -> bool {
    (counted == 0 && left_out > wanted) || left_out > (PATIENCE - 1) * wanted
}

/// Returns the rules that launches violated, most frequent first.
fn reasons(left_out: &[Vec<Check>], counted: u64, wanted: u64) -> Vec<Reason> {
    let of = counted + left_out.len() as u64;
    let mut found = by_rule(left_out.iter().filter_map(|checks| Some((checks.first()?, ()))));
    found.sort_by_key(|(_, launches)| std::cmp::Reverse(launches.len()));
    let disturbed = |(check, launches): (&Check, Vec<()>)| {
        Problem::Disturbed { check: check.clone(), launches: launches.len() as u64, of }.into()
    };
    let rest = Problem::TooFewLaunches { counted, wanted, left_out: left_out.len() as u64 };
    found.into_iter().map(disturbed).chain([rest.into()]).collect()
}

/// Returns the check of a launch that read pages of the program from a disk, if it is the first one of its build: later ones do so
/// only if memory is short, which is a property of the target within its limits.
pub(crate) fn cold(launching: Launching, major_faults: Option<u64>) -> Option<Check> {
    let pages = major_faults.filter(|pages| *pages > 0 && launching.turn == 0)?;
    Some(Check::new(Found::Cold { pages }, false, crate::measure::Blame::Host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Blame;

    #[test]
    fn patience_ends_after_four_times_the_launches_or_when_none_counts() {
        assert!(!is_exhausted(0, 6, 6) && is_exhausted(0, 7, 6));
        assert!(!is_exhausted(1, 18, 6) && is_exhausted(1, 19, 6));
    }

    #[test]
    fn the_most_frequent_disturber_comes_first() {
        let check = |found| vec![Check::new(found, false, Blame::Host)];
        let steal = || check(Found::Steal { share: 0.2, limit: 0.05 });
        let foreign = || check(Found::ForeignCpu { share: 0.5, limit: 0.1 });
        let found = reasons(&[steal(), foreign(), foreign()], 1, 2);
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            text[0].starts_with("2 of 4 launches disturbed: 50.0 % of CPU time used by other processes"),
            "{text:?}"
        );
        assert!(text[1].starts_with("1 of 4 launches disturbed"), "{text:?}");
        assert_eq!(text[2], "1 of 2 launches undisturbed, 3 disturbed: no more launches are tried");
        assert_eq!(found[0].blame(), Some(Blame::Host));
    }

    #[test]
    fn only_the_first_launch_can_be_cold() {
        let launching = |turn| Launching { index: 0, build: Build::Head, turn };
        assert!(cold(launching(0), Some(3)).is_some());
        assert!(cold(launching(0), Some(0)).is_none() && cold(launching(1), Some(3)).is_none());
        assert!(cold(launching(0), None).is_none());
    }
}
