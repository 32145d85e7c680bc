//! Reads `[stage.NAME]`.

pub(crate) mod base;
pub(crate) mod kind;
pub(crate) mod limits;
pub(crate) mod load;

use super::name::check_name;
use crate::measure::kind::StageKind;
use crate::spec::Section;
use crate::work::reported::Reports;
use crate::work::{Stage, Work};
use base::{Base, Common};
use harness_base::words::nearest;
use kind::{Kind, Own, OwnStage, Place};

macro_rules! specs {
    ($($Kind:ident $kind:ident,)+) => {
        /// Returns how a kind is written.
        const fn written(kind: StageKind) -> &'static Kind {
            match kind {
                $(StageKind::$Kind => &crate::stages::$kind::spec::KIND,)+
            }
        }
    };
}
each_kind!(specs);

type Read = fn(&Section<'_>, &Base<'_>, &mut Common) -> Work;

/// Lists the kinds that `[stage.NAME]` can have, with their readers.
fn kinds() -> impl Iterator<Item = (StageKind, &'static str, Read)> {
    StageKind::ALL.iter().filter_map(|kind| match written(*kind) {
        Kind { place: Place::Stage(read), about } => Some((*kind, *about, *read)),
        Kind { place: Place::Own { .. }, .. } => None,
    })
}

/// Returns the key of the table that creates a stage of this kind.
pub(super) fn table(kind: StageKind) -> String {
    match written(kind).place {
        Place::Stage(_) => format!("stage.{}", kind.name()),
        Place::Own { table, .. } => table.to_owned(),
    }
}

/// Reads every stage, in the order written.
pub(super) fn read_all(root: &Section<'_>, base: &Base<'_>, warnings: &mut Vec<String>) -> Vec<Stage> {
    if root.describing() {
        describe(root, base);
        return Vec::new();
    }
    let sections = root.named("stage", "what is done, in the order written");
    // Numbers of other tools need no stage of ours.
    if sections.is_empty() && !root.has("import") {
        root.mistake("stage", "has no stage, so nothing would be measured", Some("add [stage.startup]".to_owned()));
    }
    let mut stages = Vec::new();
    for (name, section) in &sections {
        if let Err(message) = check_name(name) {
            section.mistake("", message, None);
        }
        refuse_name_of_own_table(name, section);
        match read_kind(name, section) {
            Some(how) => {
                let stage = read(name, how, section, base);
                warnings.extend(stage.work.planned().too_few(name));
                stages.push(stage);
            }
            None => section.pass_over(),
        }
    }
    stages
}

/// Reads the tables that stages have of their own.
pub(super) fn read_own_tables(root: &Section<'_>) -> Own {
    let mut all = Own::default();
    for kind in StageKind::ALL {
        if let Place::Own { read, .. } = written(*kind).place {
            let Own { stages, endpoints, on_launch } = read(root);
            all.stages.extend(stages);
            all.endpoints.extend(endpoints);
            all.on_launch.extend(on_launch);
        }
    }
    all
}

/// Returns the stages that are written in tables of their own.
pub(super) fn own_stages(own: Vec<OwnStage>, base: &Base<'_>) -> Vec<Stage> {
    let common = || Common { upstream: None, ..base.common() };
    own.into_iter().map(|OwnStage { name, optional, work }| stage(&name, optional, common(), work)).collect()
}

fn refuse_name_of_own_table(name: &str, section: &Section<'_>) {
    let kind = StageKind::ALL.iter().find(|kind| kind.name() == name);
    if let Some(Kind { place: Place::Own { table, .. }, .. }) = kind.map(|kind| written(*kind)) {
        let root = table.split('.').next().unwrap_or(table);
        let hint = format!("write [{table}], or give the stage another name");
        section.mistake("", format!("is the name of a section of [{root}]"), Some(hint));
    }
}

/// Describes the stages named after their kind, each with its own defaults, and stages of any other name.
fn describe(root: &Section<'_>, base: &Base<'_>) {
    let stages = root.table("stage", "what is done, in the order written");
    for (kind, about, how) in kinds() {
        let section = stages.table(kind.name(), about);
        read_kind(kind.name(), &section);
        read(kind.name(), how, &section, base);
    }
    for (name, section) in root.named("stage", "a stage of the kind that it names") {
        read_kind(&name, &section);
        kinds().for_each(|(_, _, how)| drop(read(&name, how, &section, base)));
    }
}

fn read_kind(name: &str, section: &Section<'_>) -> Option<Read> {
    let names: Vec<&str> = kinds().map(|(kind, ..)| kind.name()).collect();
    let word = section.field("kind", "kind of the stage; default: the stage's name").one_of(&names).optional();
    let by_name = |word: &str| kinds().find(|(kind, ..)| kind.name() == word).map(|(.., how)| how);
    match (word, by_name(name)) {
        (Some(word), Some(_)) if word != name => {
            let hint = format!("a stage named {name} has kind {name}; give this one another name");
            section.mistake("kind", format!("{word:?} contradicts the stage's name"), Some(hint));
            None
        }
        (Some(word), _) => by_name(&word),
        (None, Some(how)) => Some(how),
        (None, None) => {
            if !section.has("kind") {
                let near = nearest(name, names.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("did you mean [stage.{near}]? else "));
                let hint = format!("{near}add kind = \"overhead\" or another of {}", names.join(", "));
                section.mistake("", format!("unknown stage kind {name:?}"), Some(hint));
            }
            None
        }
    }
}

fn read(name: &str, how: Read, section: &Section<'_>, base: &Base<'_>) -> Stage {
    let optional = section.field("optional", "skipped with a warning if it cannot run").default(false);
    let mut common = base.common();
    let work = how(section, base, &mut common);
    stage(name, optional, common, work)
}

fn stage(name: &str, optional: bool, common: Common, work: Work) -> Stage {
    let Common { upstream, requests, audit, limits, cpuset, wire, network } = common;
    let (name, reports, compared) = (name.to_owned(), Reports::default(), false);
    Stage { name, optional, upstream, requests, audit, limits, cpuset, wire, network, reports, compared, work }
}
