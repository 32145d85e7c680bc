//! Determines the order of builds and arms within a round.

use crate::measure::Arm;
use crate::measure::trial::Build;
use crate::run::builds::builds;
use crate::work::Stage;
use crate::work::load::LoadWork;

/// Returns the trials of a round in their order: all arms of one build, then all arms of the other. Two rounds mirror
/// each other, so that drift cancels between arms and between builds; the instances of the next turn begin with the
/// other build.
pub(super) fn order(stage: &Stage, work: &LoadWork, turn: u64, round: u64) -> Vec<(Build, Arm)> {
    let arms = arms(work, round);
    let of = |build: &Build| arms.iter().map(|arm| (*build, *arm)).collect::<Vec<_>>();
    builds(stage, turn + round).iter().flat_map(of).collect()
}

/// Returns the arms of a round in their order: direct, proxied, proxied, direct, … so that drift cancels within two
/// rounds.
pub(super) fn arms(work: &LoadWork, turn: u64) -> Vec<Arm> {
    match (work.paired, turn.is_multiple_of(2)) {
        (false, _) => vec![Arm::Proxied],
        (true, true) => vec![Arm::Direct, Arm::Proxied],
        (true, false) => vec![Arm::Proxied, Arm::Direct],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_base::units::Nanos;
    use harness_load::pace::Pace;

    fn work(paired: bool) -> LoadWork {
        let (warmup, window) = (Nanos::from_millis(100), Nanos::from_secs(1));
        LoadWork { rounds: 10, paired, ..LoadWork::one_round(Pace::Closed { vus: 1 }, 1, warmup, window) }
    }

    #[test]
    fn arms_alternate_who_goes_first() {
        let order: Vec<Arm> = (0..4).flat_map(|turn| arms(&work(true), turn)).collect();
        let (d, p) = (Arm::Direct, Arm::Proxied);
        assert_eq!(order, [d, p, p, d, d, p, p, d]);
        assert_eq!(arms(&work(false), 1), [p]);
    }

    fn stage(compared: bool) -> Stage {
        let text = "name = \"t\"\n[target.external]\npid = 2\n[target.endpoints]\nproxy = \"http://127.0.0.1:9\"\n\
                    [request]\npath = \"/\"\n[stage.capacity]\n";
        let scenario = crate::scenario::Scenario::parse(text, "t".as_ref(), "/".into(), &[]).unwrap();
        Stage { compared, ..scenario.stages[0].clone() }
    }

    #[test]
    fn two_rounds_mirror_each_other_and_the_next_instances_begin_with_the_other_build() {
        use {Arm::*, Build::*};
        let rounds = |turn| (0..2).flat_map(|round| order(&stage(true), &work(true), turn, round)).collect::<Vec<_>>();
        let there = [(Base, Direct), (Base, Proxied), (Head, Direct), (Head, Proxied)];
        let back = [(Head, Proxied), (Head, Direct), (Base, Proxied), (Base, Direct)];
        assert_eq!(rounds(0), [there, back].concat());
        let other = |(build, arm): &(Build, Arm)| (if *build == Base { Head } else { Base }, *arm);
        assert_eq!(rounds(1), rounds(0).iter().map(other).collect::<Vec<_>>());
        assert_eq!(order(&stage(false), &work(true), 1, 1), [(Head, Proxied), (Head, Direct)]);
    }

    #[test]
    fn builds_of_launches_alternate_who_goes_first() {
        let order: Vec<Build> = (0..4).flat_map(|turn| builds(&stage(true), turn)).copied().collect();
        let (b, h) = (Build::Base, Build::Head);
        assert_eq!(order, [b, h, h, b, b, h, h, b]);
        assert_eq!(builds(&stage(false), 1), [h]);
    }
}
