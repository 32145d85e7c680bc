//! Reading the stages.

use super::super::{check_name, requests};
use super::load::{at_least, longer_than_0};
use super::{FEWEST_ROUNDS, Stage, Work, faults, limits, load, soak};
use crate::interop::import;
use crate::measure::audit::Limits;
use crate::measure::group::ResourceLimits;
use crate::measure::record::StageKind;
use crate::scenario::request::Around;
use crate::scenario::target::read_builtin;
use crate::spec::Section;
use harness_base::units::Nanos;
use harness_base::words::nearest;
use harness_load::spec::Request;
use harness_rig::target::spec::{Builtin, Launch, Spec as TargetSpec, Upstream};

/// What a stage has unless it says otherwise.
pub(in super::super) struct Base<'a> {
    pub(in super::super) target: &'a TargetSpec,
    pub(in super::super) upstream: Option<&'a Upstream>,
    pub(in super::super) requests: &'a [Request],
    pub(in super::super) audit: Limits,
    pub(in super::super) around: Around<'a>,
}

/// Reads every stage, in the order written.
pub(in super::super) fn read_all(root: &Section<'_>, base: &Base<'_>, warnings: &mut Vec<String>) -> Vec<Stage> {
    if root.describing() {
        describe(root, base);
        return Vec::new();
    }
    let sections = root.named("stage", "what is done, in the order written");
    if sections.is_empty() {
        root.mistake("stage", "has no stage, so nothing would be measured", Some("add [stage.startup]".to_owned()));
    }
    let mut stages = Vec::new();
    for (name, section) in &sections {
        if let Err(message) = check_name(name) {
            section.mistake("", message, None);
        }
        if name == StageKind::Import.name() {
            let hint = "write [import.criterion], or give the stage another name".to_owned();
            section.mistake("", "is the name of what [import] reads", Some(hint));
        }
        match read_kind(name, section) {
            Some(kind) => {
                let stage = read(name, kind, section, base);
                warnings.extend(few_launches(&stage));
                stages.push(stage);
            }
            None => section.pass_over(),
        }
    }
    stages
}

/// `[import.criterion]` as a stage of its own, if it is written.
pub(in super::super) fn read_import(root: &Section<'_>, base: &Base<'_>) -> Option<Stage> {
    let criterion = root
        .optional_table("import", "numbers that other tools have measured")?
        .optional_table("criterion", "benchmarks of Criterion that become metrics")?;
    let optional = criterion.field("optional", "left out with a warning where it cannot be read").default(false);
    let work = Work::Import(import::Spec::read(&criterion));
    Some(Stage { optional, work, ..plain(StageKind::Import.name(), StageKind::Import, base) })
}

/// A stage that does nothing yet.
fn plain(name: &str, kind: StageKind, base: &Base<'_>) -> Stage {
    Stage {
        name: name.to_owned(),
        kind,
        optional: false,
        upstream: None,
        requests: Vec::new(),
        audit: base.audit,
        limits: ResourceLimits::default(),
        cpuset: None,
        compared: false,
        work: Work::Artifact { image: None },
    }
}

/// Describes the stages named after their kind, each with its own defaults, and stages of any other name.
fn describe(root: &Section<'_>, base: &Base<'_>) {
    let stages = root.table("stage", "what is done, in the order written");
    for kind in StageKind::stages() {
        let section = stages.table(kind.name(), kind_about(kind));
        read_kind(kind.name(), &section);
        read(kind.name(), kind, &section, base);
    }
    for (name, section) in root.named("stage", "a stage of the kind that it names") {
        read_kind(&name, &section);
        StageKind::stages().for_each(|kind| drop(read(&name, kind, &section, base)));
    }
}

const fn kind_about(kind: StageKind) -> &'static str {
    match kind {
        StageKind::Artifact => "looks at the executable",
        StageKind::Startup => "launches the target again and again",
        StageKind::Idle => "watches the target do nothing",
        StageKind::Overhead => "drives both arms at the same arrival rate",
        StageKind::Capacity => "drives the target with users that never pause",
        StageKind::Constrained => "drives the target inside resource limits",
        StageKind::Limits => {
            "drives the target inside one set of limits after the other, to find the smallest that does"
        }
        StageKind::Soak => "drives the target for hours, to find what it leaks and whether it decays",
        StageKind::Faults => {
            "drives the target while upstream, clients and the target itself are made to fail, one after the other"
        }
        StageKind::Import => "reads numbers that another tool has measured",
    }
}

fn read_kind(name: &str, section: &Section<'_>) -> Option<StageKind> {
    let names: Vec<&str> = StageKind::stages().map(StageKind::name).collect();
    let word = section.field("kind", "what it does; the stage's name where absent").one_of(&names).optional();
    let by_name = |word: &str| StageKind::stages().find(|kind| kind.name() == word);
    match (word, by_name(name)) {
        (Some(word), Some(named)) if word != named.name() => {
            let hint = format!("a stage named {name} has kind {name}; give this one another name");
            section.mistake("kind", format!("{word:?} contradicts the stage's name"), Some(hint));
            None
        }
        (Some(word), _) => by_name(&word),
        (None, Some(kind)) => Some(kind),
        (None, None) => {
            if !section.has("kind") {
                let near = nearest(name, names.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("did you mean [stage.{near}]? else "));
                let hint = format!("{near}add kind = \"overhead\" or another of {}", names.join(", "));
                section.mistake("", format!("{name:?} is no kind of stage, and no kind is given"), Some(hint));
            }
            None
        }
    }
}

fn read(name: &str, kind: StageKind, section: &Section<'_>, base: &Base<'_>) -> Stage {
    let optional = section.field("optional", "skipped with a warning where it cannot run").default(false);
    let external = matches!(base.target.launch, Launch::External(_)) && !section.describing();
    if external && kind == StageKind::Startup {
        section.mistake(
            "",
            "launches the target, and an external target runs already",
            Some("leave it out".to_owned()),
        );
    }
    let mut stage = Stage { optional, upstream: base.upstream.cloned(), ..plain(name, kind, base) };
    if kind != StageKind::Artifact {
        stage.upstream = read_upstream(section, base.upstream);
        stage.cpuset = section.cpuset();
        if external && stage.cpuset.is_some() {
            section.mistake("cpuset", "an external target is watched, never moved", None);
        }
        stage.limits = limits::read_stage(section, kind, external);
    }
    stage.work = match kind {
        // Never of this kind: `read_kind` knows the others only.
        StageKind::Import => return stage,
        StageKind::Artifact => Work::Artifact {
            image: section.field("image", "an OCI layout, an archive of one or of docker save").optional(),
        },
        StageKind::Startup => Work::Startup { launches: read_launches(section, 20) },
        StageKind::Idle => read_idle(section, external),
        StageKind::Overhead | StageKind::Capacity | StageKind::Constrained | StageKind::Limits => {
            read_requests(&mut stage, section, base);
            requests::check_one_rule(section, &stage.requests);
            let load = load::read(kind, section, stage.upstream.is_some(), external);
            if kind == StageKind::Limits { limits::read_curve(section, load) } else { Work::Load(load) }
        }
        StageKind::Soak => {
            read_requests(&mut stage, section, base);
            requests::check_one_rule(section, &stage.requests);
            Work::Soak(soak::read(section))
        }
        StageKind::Faults => {
            read_requests(&mut stage, section, base);
            let work = faults::read(section, stage.upstream.as_ref(), &base.target.launch);
            stage.requests.iter_mut().for_each(|request| request.timeout = request.timeout.min(work.timeout));
            Work::Faults(work)
        }
    };
    stage
}

/// What every stage with load has.
fn read_requests(stage: &mut Stage, section: &Section<'_>, base: &Base<'_>) {
    stage.audit = Limits::read(&section.table("audit", "limits of the audit for this stage"), base.audit);
    stage.requests = requests::of_stage(section, base.requests, base.around);
}

/// The upstream of a stage: settings of the bundled one, changed.
fn read_upstream(section: &Section<'_>, base: Option<&Upstream>) -> Option<Upstream> {
    const ABOUT: &str = "changes to [upstream.builtin] for this stage";
    match base {
        Some(Upstream::Builtin(builtin)) => {
            let changes = section.table("upstream", ABOUT);
            Some(Upstream::Builtin(read_builtin(&changes, builtin)))
        }
        _ if section.describing() => {
            read_builtin(&section.table("upstream", ABOUT), &Builtin::default());
            None
        }
        other => {
            section.refuse(
                "upstream",
                "changes the bundled upstream, which this scenario does not use",
                "add [upstream.builtin]",
            );
            other.cloned()
        }
    }
}

fn read_launches(section: &Section<'_>, default: u64) -> u64 {
    section.field("launches", "fresh starts of the target; one value each").check(at_least(1, "")).default(default)
}

fn read_idle(section: &Section<'_>, external: bool) -> Work {
    let launches = read_launches(section, if external { 1 } else { 8 });
    if external && launches > 1 {
        section.mistake("launches", "an external target is never launched", Some("leave it out".to_owned()));
    }
    Work::Idle {
        launches,
        settle: section.field("settle", "time between ready and the window").default(Nanos::from_secs(1)),
        window: section.field("window", "measured part").check(longer_than_0).default(Nanos::from_secs(1)),
    }
}

fn few_launches(stage: &Stage) -> Option<String> {
    let (Work::Startup { launches } | Work::Idle { launches, .. }) = stage.work else {
        return None;
    };
    (launches < FEWEST_ROUNDS).then(|| {
        let name = &stage.name;
        format!("stage {name}: {launches} launches are too few for a 95 % interval; {FEWEST_ROUNDS} are the least")
    })
}
