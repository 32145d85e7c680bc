//! What a record begins with: what was asked for, of which build, on which host.

use super::home::Home;
use crate::clock;
use crate::host;
use crate::measure::Record;
use crate::measure::record::{BuildFacts, SCHEMA_VERSION};
use crate::plan::Plan;
use crate::target::spec::{ImageSpec, Launch};
use crate::target::{self, Site};

/// Environment variables whose names contain one of these are told as `NAME=…`: their values may be secrets.
const SECRET_WORDS: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "KEY", "DATABASE_URL"];

/// The record of a run that has not begun.
pub(super) fn header(plan: &Plan, home: &Home, site: &Site) -> Record {
    Record {
        schema_version: SCHEMA_VERSION,
        run_id: home.run_id.clone(),
        started_at: clock::rfc3339(clock::unix_seconds()),
        scenario: plan.scenario.clone(),
        git: host::git(&plan.folder),
        tool: host::tool(),
        targets: vec![build(plan, site)],
        host: host::facts(),
        warnings: plan.warnings.clone(),
        ..Record::default()
    }
}

/// The build under measurement. A program that cannot be found has no size; its launch will say so.
fn build(plan: &Plan, site: &Site) -> BuildFacts {
    let found = target::executable(&plan.target, site).ok();
    let file = found.as_ref().filter(|found| !found.builtin).and_then(|found| host::executable(&found.path).ok());
    let (program, env) = match &plan.target.launch {
        Launch::Process(process) => (process.command.first().cloned().unwrap_or_default(), told(&process.env)),
        Launch::Container(container) => {
            let (ImageSpec::Image(named) | ImageSpec::Binary(named)) = &container.image;
            (named.clone(), told(&container.env))
        }
        Launch::External(_) => ("external".to_owned(), Vec::new()),
    };
    BuildFacts {
        program: found.as_ref().map_or(program, |found| found.named.clone()),
        builtin: found.is_some_and(|found| found.builtin),
        size_bytes: file.as_ref().map(|(size, _)| *size),
        sha256: file.map(|(_, digest)| digest),
        env,
        ..BuildFacts::default()
    }
}

/// The environment as it may be published.
fn told(env: &[(String, String)]) -> Vec<String> {
    let secret = |name: &str| SECRET_WORDS.iter().any(|word| name.to_uppercase().contains(word));
    let line = |(name, value): &(String, String)| {
        if secret(name) { format!("{name}=…") } else { format!("{name}={value}") }
    };
    env.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_told() {
        let env = [("RUST_LOG", "error"), ("API_TOKEN", "abc"), ("DATABASE_URL", "postgres://u:p@h")];
        let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(told(&env), ["RUST_LOG=error", "API_TOKEN=…", "DATABASE_URL=…"]);
    }
}
