//! Computes series from the windows of a soak, and finds reasons that make them meaningless.

use super::facts::{FEWEST_WINDOWS, Instance, Quantity, SoakWindow};
use crate::measure::facts::InstanceFacts;
use crate::measure::reason::Problem;
use crate::measure::record::StageRecord;

/// Returns the facts of each instance of a soak; empty for a stage of another kind.
pub(crate) fn instances(stage: &StageRecord) -> impl Iterator<Item = &Instance> {
    stage.instances.iter().filter_map(|instance| match &instance.facts {
        InstanceFacts::Soak(facts) => Some(facts),
        _ => None,
    })
}

/// Returns the windows that were measured to their ends, in order.
pub(crate) fn whole_windows(stage: &StageRecord) -> impl Iterator<Item = &SoakWindow> {
    instances(stage).flat_map(|instance| &instance.windows).filter(|window| window.whole)
}

/// Returns whether PSS is known in every whole window, so that memory is reported as PSS.
pub(crate) fn has_pss(stage: &StageRecord) -> bool {
    whole_windows(stage).all(|window| window.pss.is_some())
}

/// Returns the values of a quantity over the whole windows, each with its time in seconds. Windows without a value are
/// omitted.
pub(crate) fn series(stage: &StageRecord, quantity: Quantity) -> Vec<(f64, f64)> {
    let pss = has_pss(stage);
    let value = |window: &SoakWindow| quantity.of(window, pss).map(|value| (window.middle_s(), value));
    whole_windows(stage).filter_map(value).collect()
}

/// Returns what prevents a soak from being judged: too few windows, or an incomplete series. It never passes then.
pub(crate) fn faults(stage: &StageRecord) -> Vec<Problem> {
    let windows = whole_windows(stage).count() as u64;
    if windows < FEWEST_WINDOWS {
        return vec![Problem::TooFewWindows { whole: windows, needed: FEWEST_WINDOWS }];
    }
    let unread = |quantity: &Quantity| {
        let missing = windows.saturating_sub(series(stage, *quantity).len() as u64);
        (missing > 0).then(|| Problem::Unread { quantity: quantity.name().to_owned(), missing, windows })
    };
    Quantity::LEAKING.iter().filter_map(unread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::InstanceRecord;
    use crate::stages::soak::facts::Level;
    use harness_load::latency::Quantiles;

    fn window(index: u64) -> SoakWindow {
        let level = |trough| Some(Level { trough, peak: trough + 5 });
        SoakWindow {
            index,
            from_ns: index * 2_000_000_000,
            length_ns: 2_000_000_000,
            whole: true,
            ok: 100 + index,
            response: Some(Quantiles { p99_ns: 4_000_000, ..Quantiles::default() }),
            processes: 1,
            rss: level(1_000 + index),
            pss: level(900 + index),
            descriptors: level(20),
            threads: level(4),
            ..SoakWindow::default()
        }
    }

    fn stage(windows: Vec<SoakWindow>) -> StageRecord {
        let facts = InstanceFacts::Soak(Instance { windows, died_ns: None });
        let instance = InstanceRecord { facts, ..InstanceRecord::default() };
        StageRecord { instances: vec![instance], ..StageRecord::default() }
    }

    fn windows(stage: &mut StageRecord) -> &mut Vec<SoakWindow> {
        let InstanceFacts::Soak(facts) = &mut stage.instances[0].facts else { panic!("no soak") };
        &mut facts.windows
    }

    #[test]
    fn series_are_those_of_whole_windows_with_their_times() {
        let mut windows: Vec<SoakWindow> = (0..3).map(window).collect();
        windows[2].whole = false;
        let stage = stage(windows);
        assert_eq!(series(&stage, Quantity::Memory), [(1.0, 900.0), (3.0, 901.0)]);
        assert_eq!(series(&stage, Quantity::Rate), [(1.0, 50.0), (3.0, 50.5)]);
        assert_eq!(series(&stage, Quantity::P99), [(1.0, 4.0), (3.0, 4.0)]);
    }

    #[test]
    fn a_single_process_without_pss_is_reported_by_rss_and_a_tree_is_not() {
        let with = |processes| {
            let windows = (0..3).map(|index| SoakWindow { pss: None, processes, ..window(index) }).collect();
            series(&stage(windows), Quantity::Memory).len()
        };
        assert_eq!((with(1), with(2)), (3, 0));
        let mut once = stage((0..3).map(window).collect());
        windows(&mut once)[1].pss = None;
        assert_eq!(series(&once, Quantity::Memory)[0].1, 1_000.0, "one scale for all windows");
    }

    #[test]
    fn few_windows_and_holes_are_faults() {
        assert!(faults(&stage((0..12).map(window).collect())).is_empty());
        let few = |whole| [Problem::TooFewWindows { whole, needed: FEWEST_WINDOWS }];
        assert_eq!(faults(&stage((0..11).map(window).collect())), few(11));
        assert_eq!(faults(&StageRecord::default()), few(0));
        let mut holes = stage((0..12).map(window).collect());
        windows(&mut holes)[4].descriptors = None;
        let unread = Problem::Unread { quantity: "descriptors".to_owned(), missing: 1, windows: 12 };
        assert_eq!(faults(&holes), [unread]);
        windows(&mut holes)[4].threads = None;
        assert_eq!(faults(&holes).len(), 2);
    }
}
