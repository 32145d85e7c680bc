//! Reads `[compare]`: a second build, measured in the same run as the target.

use super::target::{Around, read_base};
use crate::spec::Section;
use crate::work::Stage;
use harness_rig::target::spec::{Spec as TargetSpec, Upstream};
use harness_rig::target::template::{Piece, Template};

/// Smallest number of fresh starts of each build: two instances of one program can differ more than two builds do.
pub const FEWEST_INSTANCES: u64 = 2;

/// The build that the target is compared with.
#[derive(Debug, Clone)]
pub struct Compare {
    /// The base; absent if there is none.
    pub base: Option<TargetSpec>,
    /// Smallest number of fresh starts of each build in a stage with rounds; at least [`FEWEST_INSTANCES`].
    pub instances: u64,
}

/// Parts of the scenario that `[compare]` depends on.
pub(super) struct Rest<'a> {
    pub(super) target: &'a TargetSpec,
    pub(super) upstream: Option<&'a Upstream>,
    pub(super) stages: &'a [Stage],
    pub(super) around: Around<'a>,
}

/// Reads `[compare]`.
pub(super) fn read(root: &Section<'_>, rest: &Rest<'_>) -> Compare {
    let section = root.table("compare", "another build of the target, measured in the same run");
    let instances = section
        .field("instances", "smallest number of fresh starts of each build in stages with rounds")
        .check(|instances: &u64| match *instances {
            few @ 0..FEWEST_INSTANCES => Err(format!("must be at least {FEWEST_INSTANCES}, is {few}")),
            _ => Ok(()),
        })
        .default(FEWEST_INSTANCES);
    let base = read_base(&section, rest.target, rest.around);
    if base.is_some() {
        check_rounds(&section, instances, rest.stages);
        check_ports(&section, rest);
    }
    Compare { base, instances }
}

fn check_rounds(section: &Section<'_>, instances: u64, stages: &[Stage]) {
    for stage in stages {
        if let Some(load) = stage.work.planned().rounds()
            && instances > load.rounds
        {
            let message = format!(
                "{instances} instances of each build cannot share the {} rounds of stage {}",
                load.rounds, stage.name
            );
            section.mistake("instances", message, None);
        }
    }
}

/// Checks that ports are not fixed, because in stages with rounds both builds run at the same time, each with its own
/// upstream.
fn check_ports(section: &Section<'_>, rest: &Rest<'_>) {
    if !rest.stages.iter().any(|stage| stage.work.planned().rounds().is_some()) {
        return;
    }
    let endpoints = &rest.target.endpoints;
    let mut urls = vec![("target.endpoints.proxy", &endpoints.proxy)];
    urls.extend(endpoints.health.iter().map(|url| ("target.endpoints.health", url)));
    urls.extend(endpoints.ready.iter().map(|url| ("target.endpoints.ready", url)));
    urls.extend(endpoints.others.iter().map(|(key, url)| (key.as_str(), url)));
    if let Some(Upstream::Process { url, .. }) = rest.upstream {
        urls.push(("upstream.process.url", url));
    }
    for (key, url) in urls.into_iter().filter(|(_, url)| is_fixed(url)) {
        let message = format!("base and head run at the same time, but {key} {url:?} has the same port for both");
        let hint = "let harness choose one: {port.NAME} there, in the command and in the files";
        section.mistake("", message, Some(hint.to_owned()));
    }
}

/// Returns whether a URL is the same in every launch. The value of an environment variable is unknown.
fn is_fixed(url: &str) -> bool {
    let template = Template::parse(url);
    template.is_ok_and(|template| template.pieces().iter().all(|piece| matches!(piece, Piece::Text(_))))
}
