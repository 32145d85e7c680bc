//! Runs the cells of a stage in turns: one instance of every cell, then the next instance of every cell, so that what changes on the host
//! meanwhile affects all of them alike.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::ended;
use super::event::Event;
use super::halt::Halt;
use super::rig::Rig;
use super::rounds::tally::Tally;
use super::turn::Turn;
use crate::measure::StageStatus;
use crate::work::Stage;
use harness_base::units::Nanos;

/// A cell between its turns.
struct Cell<'p> {
    stage: &'p Stage,
    instances: u64,
    /// The rounds of its earlier turns.
    tally: Option<Tally>,
    ended: bool,
}

/// Runs the cells of one stage; `work` runs the turn of a cell. Returns whether the run goes on.
pub(super) async fn run(
    rig: &mut Rig<'_>,
    cells: &[&Stage],
    work: impl AsyncFn(&mut Rig<'_>, &Stage) -> Result<(), Halt>,
) -> bool {
    let mut cells: Vec<Cell<'_>> = begin(rig, cells);
    let (instances, seed) = (cells.iter().map(|cell| cell.instances).max().unwrap_or(0), rig.plan.scenario.seed);
    for turn in 0..instances {
        for place in order(cells.len(), turn, seed) {
            if cells[place].ended || turn >= cells[place].instances {
                continue;
            }
            let progress = progress(&cells, place);
            let cell = &mut cells[place];
            rig.recorder.stage_resumed(&cell.stage.name);
            rig.turn = Some(Turn { index: turn, progress, tally: cell.tally.take() });
            let done = work(rig, cell.stage).await;
            cell.tally = rig.turn.take().and_then(|turn| turn.tally);
            if done.is_err() || turn + 1 == cell.instances {
                let (status, go_on) = ended::status(cell.stage, done);
                end(rig, cell, status);
                if !go_on {
                    cells.iter_mut().filter(|cell| !cell.ended).for_each(|cell| {
                        rig.recorder.stage_resumed(&cell.stage.name);
                        end(rig, cell, StageStatus::Incomplete);
                    });
                    rig.recorder.stage_resumed(&cells[place].stage.name);
                    return false;
                }
            }
        }
    }
    true
}

/// Records that all cells begin.
fn begin<'p>(rig: &mut Rig<'_>, cells: &[&'p Stage]) -> Vec<Cell<'p>> {
    let expected = cells.iter().map(|stage| stage.expected_duration()).fold(Nanos::ZERO, Nanos::plus);
    if let Some(first) = cells.first() {
        let name = rig.plan.matrix.stage_of(&first.name).to_owned();
        rig.emit(Event::StageBegun { name, kind: first.kind(), expected });
    }
    for stage in cells {
        rig.recorder.stage_begun(ended::record(rig.plan, stage));
    }
    let instances = |stage: &Stage| stage.work.planned().rounds().map_or(1, |load| load.instances);
    let cell = |stage: &'p Stage| Cell { stage, instances: instances(stage), tally: None, ended: false };
    cells.iter().copied().map(cell).collect()
}

fn end(rig: &mut Rig<'_>, cell: &mut Cell<'_>, status: StageStatus) {
    cell.ended = true;
    rig.recorder.stage_ended(status.clone());
    rig.emit(Event::StageEnded { name: cell.stage.name.clone(), status });
}

/// Returns the rounds that the other cells have done, and those of all cells.
fn progress(cells: &[Cell<'_>], place: usize) -> (u64, u64) {
    let others = cells.iter().enumerate().filter(|(index, _)| *index != place);
    let done = others.filter_map(|(_, cell)| Some(cell.tally.as_ref()?.valid)).sum();
    (done, cells.iter().map(|cell| cell.stage.work.planned().wanted()).sum())
}

/// Returns the order of the cells in a turn. It is drawn for every second turn, and the turn after it has the opposite order, so that a
/// steady drift cancels within the two.
fn order(cells: usize, turn: u64, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cells).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed.wrapping_add(turn / 2)));
    if !turn.is_multiple_of(2) {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_has_every_cell_and_two_turns_mirror_each_other() {
        for (cells, seed) in [(1, 0), (4, 42), (15, 7), (64, u64::MAX)] {
            let orders: Vec<Vec<usize>> = (0..6).map(|turn| order(cells, turn, seed)).collect();
            for turn in &orders {
                let mut sorted = turn.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..cells).collect::<Vec<_>>());
            }
            for pair in orders.chunks(2) {
                assert_eq!(pair[0], pair[1].iter().rev().copied().collect::<Vec<_>>());
            }
            assert!(cells < 4 || orders[0] != orders[2], "the order of {cells} cells is drawn again");
        }
    }
}
