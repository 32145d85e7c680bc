//! Connects what targets report with the stages in which it is read.

use super::stage::table;
use crate::measure::metric::METRICS;
use crate::spec::Section;
use crate::work::Stage;
use crate::work::reported::OnLaunch;
use harness_base::words::nearest;

/// Moves every stage that describes another one behind it, and makes that one read what is described.
pub(super) fn attach(root: &Section<'_>, stages: Vec<Stage>, on_launch: Vec<(String, OnLaunch)>) -> Vec<Stage> {
    if root.describing() {
        return stages;
    }
    let (describing, mut stages): (Vec<Stage>, Vec<Stage>) =
        stages.into_iter().partition(|stage| stage.work.planned().described().is_some());
    for mut stage in describing {
        let Some(described) = stage.work.planned().described().cloned() else { continue };
        let has_rounds = |known: &Stage| known.work.planned().rounds().is_some();
        match stages.iter().position(|known| known.name == described.of && has_rounds(known)) {
            Some(place) => {
                stage.optional |= stages[place].optional;
                stages[place].reports.windows.push((stage.name.clone(), described.reads));
                let others = stages[place + 1..].iter().take_while(|next| next.work.planned().described().is_some());
                let behind = place + 1 + others.count();
                stages.insert(behind, stage);
            }
            None => {
                let key = described.reads.first().map_or("scrape", |read| read.endpoint.trim_end_matches(".url"));
                let message = format!("no stage {} has rounds of load in which it could be read", described.of);
                root.mistake(&format!("{key}.stage"), message, Some(hint(&described.of, &stages)));
            }
        }
    }
    read_on_launch(root, &mut stages, on_launch);
    refuse_doubles(root, &stages);
    stages
}

/// Refuses two stages of different kinds that measure one metric under the same id.
fn refuse_doubles(root: &Section<'_>, stages: &[Stage]) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for stage in stages.iter().filter(|stage| stage.name == stage.kind().name()) {
        let of_kind = METRICS.iter().filter(|row| row.stage == stage.kind());
        for row in of_kind.filter(|row| stage.work.planned().does_not_measure(row).is_none()) {
            if let Some((_, other)) = seen.iter().find(|(id, _)| *id == row.id) {
                let message = format!("measures {}, and so does {other}", row.id);
                root.mistake(&table(stage.kind()), message, Some("keep one of them".to_owned()));
            }
            seen.push((row.id, &stage.name));
        }
    }
}

fn hint(name: &str, stages: &[Stage]) -> String {
    let with_rounds = stages.iter().filter(|stage| stage.work.planned().rounds().is_some());
    let names: Vec<&str> = with_rounds.map(|stage| stage.name.as_str()).collect();
    let near = nearest(name, names.iter().copied()).or(names.first().copied());
    near.map_or_else(|| "add [stage.overhead]".to_owned(), |near| format!("did you mean stage = \"{near}\"?"))
}

/// Makes every stage that reads what targets report after their launch read it.
fn read_on_launch(root: &Section<'_>, stages: &mut [Stage], on_launch: Vec<(String, OnLaunch)>) {
    let mut found = on_launch.into_iter();
    let Some((key, first)) = found.next() else { return };
    for (other, _) in found {
        let message = format!("is read at {key} already");
        root.mistake(&other, message, Some("keep one of them".to_owned()));
    }
    let mut readers = stages.iter_mut().filter(|stage| stage.work.planned().reads_on_launch()).peekable();
    if readers.peek().is_none() {
        let message = "is read after each launch, and no stage launches the target for that";
        root.mistake(&key, message, Some("add [stage.startup]".to_owned()));
    }
    readers.for_each(|stage| stage.reports.on_launch = Some(first.clone()));
}
