//! Implements `harness baseline`.

use super::against::{refused, rule};
use super::args::{
    Action, BaselineArgs, ExportArgs, ExportTo, ListArgs, PromoteArgs, PruneArgs, ShowArgs, ShowFormat, Which,
};
use super::error::{Error, print_error, print_text, print_warning};
use super::report::judged_again;
use crate::baseline::{self, Baseline, Promoted, Store};
use crate::report::baseline::{ExportFormat, export, list_json, list_table, table};
use crate::report::trend::Trend;
use crate::verdict::Stored;
use crate::verdict::promote::{promoted, result_file};
use harness_base::clock;
use harness_base::exit::Exit;
use harness_base::printable::Printable;

/// Runs the action.
pub(super) fn baseline(args: &BaselineArgs) -> Result<Exit, Error> {
    let store = Store::new(&args.dir);
    match &args.action {
        Action::Promote(args) => promote(&store, args),
        Action::Show(args) => show(&store, args),
        Action::List(args) => list(&store, args),
        Action::Prune(args) => prune(&store, args),
        Action::Export(args) => write(&store, args),
    }
}

fn promote(store: &Store, args: &PromoteArgs) -> Result<Exit, Error> {
    let file = result_file(&args.result).map_err(|refused| Error::input(&refused))?;
    let stored = Stored::read(&file).map_err(|error| Error::input(&error))?;
    let now = clock::rfc3339(clock::unix_seconds());
    let again = judged_again(&stored.record, stored.judgement.context.clone());
    let run = promoted(&stored, &again, args.reason.as_deref(), now);
    let run = run.map_err(|refused| Error::input(&refused))?;
    if args.reason.is_some() && run.override_reason.is_none() {
        print_warning("this run can be promoted without --override, so the reason is not stored");
    }
    let scenario = &stored.record.scenario.name;
    let (name, why) = name(args, &stored)?;
    let (run_id, metrics) = (run.run_id.clone(), run.metrics.len());
    let (into, path) = store.promote(scenario, &name, run).map_err(|error| refused(&error))?;
    print_text(format!(
        "promoted run {run_id} ({metrics} metrics) into baseline {name} of scenario {scenario}, which has {} now{why}\n{}\n",
        runs(into.runs.len()),
        path.display()
    ));
    warn(&into, &run_id);
    Ok(Exit::Pass)
}

/// Returns the baseline to promote into, and the rule that chose it if `--name` is not given.
fn name(args: &PromoteArgs, stored: &Stored) -> Result<(String, String), Error> {
    if let Some(name) = &args.name {
        return Ok((name.clone(), String::new()));
    }
    let rule = rule(stored.record.git.as_ref());
    match rule.into {
        Some(name) => Ok((name, format!(" ({})", rule.why))),
        None => {
            let message =
                format!("the baseline of this run is unknown: {}; name it, for example with --name main", rule.why);
            Err(Error::input(&std::io::Error::other(message)))
        }
    }
}

/// Warns if the promoted run is not the newest of the baseline, or is not comparable with the previous one.
fn warn(into: &Baseline, run_id: &str) {
    let Some(place) = into.runs.iter().position(|run| run.run_id == run_id) else { return };
    let newest = into.newest().filter(|newest| newest.run_id != run_id);
    if let Some(newest) = newest {
        print_warning(&format!("run {} began later and remains the newest run of the baseline", newest.run_id));
    }
    let before: Option<&Promoted> = place.checked_sub(1).and_then(|before| into.runs.get(before));
    for differs in before.map(|before| into.runs[place].differs(before)).unwrap_or_default() {
        print_warning(&format!("not comparable with the run before it: {differs}"));
    }
}

fn show(store: &Store, args: &ShowArgs) -> Result<Exit, Error> {
    let baseline = open(store, &args.which)?;
    let text = match (&args.trend, args.format) {
        (Some(metric), format) => {
            let trend = Trend::of(&baseline, metric).ok_or_else(|| unknown_metric(&baseline, metric))?;
            if format == ShowFormat::Table {
                trend.table()
            } else {
                trend.json().map_err(|error| Error::tooling(&error))?
            }
        }
        (None, ShowFormat::Table) => table(&baseline),
        (None, ShowFormat::Json) => {
            export(&baseline, ExportFormat::Json, false).map_err(|error| Error::tooling(&error))?.0
        }
    };
    print_text(&text);
    Ok(Exit::Pass)
}

fn unknown_metric(baseline: &Baseline, metric: &str) -> Error {
    let ids = baseline.runs.iter().flat_map(|run| &run.metrics).map(|metric| metric.id.as_str());
    let nearest =
        ids.max_by(|one, other| strsim::jaro_winkler(one, metric).total_cmp(&strsim::jaro_winkler(other, metric)));
    let hint = nearest.map(|id| format!("; did you mean {id}?")).unwrap_or_default();
    let Baseline { name, scenario, .. } = baseline;
    let message = format!(
        "no run of baseline {name} of scenario {scenario} has the metric {metric}{hint} `harness baseline show {name} --scenario {scenario}` lists them"
    );
    Error::input(&std::io::Error::other(message))
}

fn list(store: &Store, args: &ListArgs) -> Result<Exit, Error> {
    let held = store.list().map_err(|error| refused(&error))?;
    if args.format == ShowFormat::Json {
        print_text(Printable::json(&list_json(&held).map_err(|error| Error::tooling(&error))?));
    } else if held.is_empty() {
        let folder = store.folder().display();
        print_text(format!("no baseline in {folder}; `harness baseline promote RESULT` makes one\n"));
    } else {
        print_text(list_table(&held));
    }
    let broken = held.iter().any(|held| held.content.is_err());
    Ok(if broken { Exit::InvalidInput } else { Exit::Pass })
}

fn prune(store: &Store, args: &PruneArgs) -> Result<Exit, Error> {
    let now = clock::unix_seconds();
    let (pruned, unknown) =
        baseline::prune(store, now, args.keep_days, args.dry_run).map_err(|error| refused(&error))?;
    let verb = if args.dry_run { "would remove" } else { "removed" };
    for old in &pruned {
        print_text(format!("{verb} {}: nothing was promoted into it for {} days\n", old.path.display(), old.days));
    }
    for error in &unknown {
        print_error(&format!("its age is unknown, so it is kept: {error}"), None);
    }
    if pruned.is_empty() {
        print_text(format!("no baseline of a pull request is older than {} days\n", args.keep_days));
    }
    Ok(if unknown.is_empty() { Exit::Pass } else { Exit::InvalidInput })
}

fn write(store: &Store, args: &ExportArgs) -> Result<Exit, Error> {
    let baseline = open(store, &args.which)?;
    let format = match args.format {
        ExportTo::Bencher => ExportFormat::Bencher,
        ExportTo::Flat => ExportFormat::Flat,
        ExportTo::Json => ExportFormat::Json,
    };
    let (text, left_out) = export(&baseline, format, args.all).map_err(|error| Error::tooling(&error))?;
    if !left_out.is_empty() {
        print_warning(&format!("skipped, because this harness does not know their measure: {}", left_out.join(", ")));
    }
    print_text(&text);
    Ok(Exit::Pass)
}

/// Opens the baseline: that of the given scenario, or of the only one that has a baseline of this name.
fn open(store: &Store, which: &Which) -> Result<Baseline, Error> {
    let Which { name, scenario } = which;
    let scenario = match scenario {
        Some(scenario) => scenario.clone(),
        None => only_scenario(store, name)?,
    };
    let read = store.read(&scenario, name).map_err(|error| refused(&error))?;
    let path = store.path(&scenario, name).map_err(|error| refused(&error))?;
    let missing = || Error::input(&baseline::Error::Missing { name: name.clone(), scenario, path });
    read.map(|(baseline, _)| baseline).ok_or_else(missing)
}

fn only_scenario(store: &Store, name: &str) -> Result<String, Error> {
    let held = store.list().map_err(|error| refused(&error))?;
    let mut scenarios: Vec<String> =
        held.into_iter().filter(|held| held.name == name).map(|held| held.scenario).collect();
    let message = match scenarios.len() {
        1 => return Ok(scenarios.remove(0)),
        0 => {
            let folder = store.folder().display();
            format!(
                "there is no baseline {name} in {folder}; `harness baseline list` lists the existing ones, `harness \
                 baseline promote RESULT --name {name}` makes one"
            )
        }
        _ => format!(
            "several scenarios have a baseline {name}: {}; choose one, for example with --scenario {}",
            scenarios.join(", "),
            scenarios[0]
        ),
    };
    Err(Error::input(&std::io::Error::other(message)))
}

fn runs(n: usize) -> String {
    if n == 1 { "1 run".to_owned() } else { format!("{n} runs") }
}
