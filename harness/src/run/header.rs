//! Creates the header of a record: options, builds and host.

use std::collections::BTreeMap;

use super::home::Home;
use crate::measure::Record;
use crate::measure::record::{BuildFacts, References, SCHEMA_VERSION};
use crate::measure::stored_calibration;
use crate::measure::trial::Build;
use crate::plan::Plan;
use crate::scenario::redact;
use harness_base::clock;
use harness_rig::host;
use harness_rig::target::spec::{ImageSpec, Launch, ProcessSpec, Spec};
use harness_rig::target::{self, Site};

/// Warning that the builds do not differ.
const SAME: &str = "base and head are the same program: this is an A/A comparison, and what it finds is noise";

/// Creates the record of a run that has not begun.
pub(crate) fn header(plan: &Plan, home: &Home, site: &Site) -> Record {
    let head = facts(Build::Head, &plan.target, site);
    let base = plan.base.as_ref().map(|base| facts(Build::Base, base, site));
    let (calibration, unusable) = match stored_calibration::stored() {
        Ok(found) => (found, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let same = plan
        .base
        .as_ref()
        .zip(base.as_ref())
        .is_some_and(|(spec, base)| is_same_program(base, &head) && arguments(spec) == arguments(&plan.target));
    // How fast this machine is says nothing about that of a pod.
    let in_pod = plan.is_in_pod();
    Record {
        schema_version: SCHEMA_VERSION,
        run_id: home.run_id.clone(),
        started_at: clock::rfc3339(clock::unix_seconds()),
        scenario: plan.scenario.clone(),
        git: host::git(&plan.folder),
        tool: host::tool(),
        targets: [head].into_iter().chain(base).collect(),
        host: host::facts(),
        calibration: calibration.filter(|_| !in_pod),
        reference: host::reference().filter(|_| !in_pod).map(|before| References { before, after: None }),
        warnings: plan.warnings.iter().cloned().chain(same.then(|| SAME.to_owned())).chain(unusable).collect(),
        ..Record::default()
    }
}

/// Describes one build. A program that cannot be found has no size; its launch will report the error.
fn facts(build: Build, spec: &Spec, site: &Site) -> BuildFacts {
    let found = target::executable(spec, site).ok();
    let file = found.as_ref().filter(|found| !found.builtin).and_then(|found| host::executable(&found.path).ok());
    let (program, env) = match &spec.launch {
        Launch::Process(process) => (first(process), published(&process.env)),
        Launch::Container(container) => {
            let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &container.image;
            (named.clone(), published(&container.env))
        }
        Launch::Command(command) => (first(&command.run), published(&command.run.env)),
        Launch::Stdio(stdio) => (first(&stdio.shim), published(&stdio.shim.env)),
        Launch::Pod(pod) => (pod.named(), pod.made().map(|made| published(&made.env)).unwrap_or_default()),
        Launch::External(_) => ("external".to_owned(), Vec::new()),
    };
    BuildFacts {
        build,
        program: found.as_ref().map_or(program, |found| found.named.clone()),
        builtin: found.is_some_and(|found| found.builtin),
        size_bytes: file.as_ref().map(|(size, _)| *size),
        sha256: file.map(|(_, digest)| digest),
        env,
    }
}

fn first(process: &ProcessSpec) -> String {
    process.command.first().cloned().unwrap_or_default()
}

/// Returns whether two builds are the same program: by content or, if that cannot be read (bundled programs, images),
/// by name.
fn is_same_program(base: &BuildFacts, head: &BuildFacts) -> bool {
    match (&base.sha256, &head.sha256) {
        (None, None) => base.program == head.program,
        (base, head) => base == head,
    }
}

/// Returns the arguments and the environment of a program. The first word of a process is the program itself.
fn arguments(spec: &Spec) -> (&[String], BTreeMap<&str, &str>) {
    let (arguments, env) = match &spec.launch {
        Launch::Process(process) => (process.command.get(1..).unwrap_or_default(), process.env.as_slice()),
        Launch::Container(container) => (container.command.as_slice(), container.env.as_slice()),
        Launch::Command(command) => (command.run.command.get(1..).unwrap_or_default(), command.run.env.as_slice()),
        Launch::Stdio(stdio) => (stdio.shim.command.get(1..).unwrap_or_default(), stdio.shim.env.as_slice()),
        // Two builds are never compared in pods.
        Launch::External(_) | Launch::Pod(_) => return (&[], BTreeMap::new()),
    };
    (arguments, env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
}

/// Formats the environment without secrets.
fn published(env: &[(String, String)]) -> Vec<String> {
    env.iter().map(|(name, value)| redact::variable(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_under_two_names_is_one_program() {
        let build = |program: &str, sha256: Option<&str>| BuildFacts {
            program: program.to_owned(),
            sha256: sha256.map(str::to_owned),
            ..BuildFacts::default()
        };
        assert!(is_same_program(&build("old", Some("1f")), &build("new", Some("1f"))));
        assert!(!is_same_program(&build("p", Some("1f")), &build("p", Some("2f"))));
        assert!(!is_same_program(&build("p", None), &build("p", Some("2f"))));
        assert!(is_same_program(&build("builtin:sidecar", None), &build("builtin:sidecar", None)));
        assert!(!is_same_program(&build("nginx:1.28", None), &build("nginx:1.29", None)));
    }
}
