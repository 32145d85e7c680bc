//! Reads `[stage.search]`.

use super::derive::FEWEST_UNITS;
use super::facts::{Objective, Variable};
use super::work::Work;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, at_least, longer_than_0, read_arrivals, read_connections};
use crate::spec::Section;
use crate::work;
use crate::work::load::LoadWork;
use harness_base::units::{Nanos, Rate, Ratio};
use harness_load::pace::Pace;

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "searches the highest arrival rate, or number of users, that keeps an objective",
};

/// Objective where the scenario has none.
const P99: Nanos = Nanos::from_millis(5);
const ERRORS: Ratio = Ratio(0.001);

/// Highest number of users that is tried where the scenario has none.
const MOST_USERS: u64 = 1_000;

/// A window is so many times as long as the longest limit of the response time, but within these bounds: a rate above the capacity makes a
/// queue that grows, and a short window ends before it has delayed requests beyond the limit.
const LIMITS_PER_WINDOW: u64 = 200;
const SHORTEST: Nanos = Nanos::from_secs(2);
const LONGEST: Nanos = Nanos::from_secs(5);

/// Largest precision that can be asked for: the scatter of instances does not permit more within minutes.
const FINEST: Ratio = Ratio(0.01);

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_requests(section, base);
    let paired = common.upstream.is_some();
    if paired {
        common.check_arms(section);
    }
    let names = Variable::ALL.map(Variable::name);
    let about = "searched quantity: rate (arrivals of an open loop) or users (of a closed loop)";
    let word = section.field("of", about).one_of(&names).default(Variable::Rate.name().to_owned());
    let variable = Variable::ALL.into_iter().find(|variable| variable.name() == word).unwrap_or_default();
    let about = "what it must keep; default: p99 = \"5ms\" and errors = \"0.1%\"";
    let objective = read_objective(&section.table("objective", about));
    let load = LoadWork { paired, ..read_load(section, &objective, base.is_external(section)) };
    let (low, high) = read_bounds(section, variable);
    let about = "half the length of the answer ÷ its middle at which the search ends; for users also one user";
    let precision = section.field("precision", about).check(|ratio: &Ratio| fine(*ratio)).default(Ratio(0.05));
    let probes = section.field("probes", "largest number of rates that are tried").check(at_least(4, "")).default(12);
    let about = "time after which no further rate is tried";
    let budget = section.field("budget", about).check(longer_than_0).default(Nanos::from_secs(180));
    let slices = read_slices(section, &load);
    let achieved = common.audit.achieved;
    Work { load, variable, objective, low, high, precision, probes, budget, slices, achieved }.into()
}

/// Reads the lowest and the highest value that is tried.
fn read_bounds(section: &Section<'_>, variable: Variable) -> (f64, Option<f64>) {
    let low = section.field("low", "lowest rate that is tried").default(Rate(1.0));
    let high: Option<Rate> =
        section.field("high", "highest rate that is tried; default: what the direct arm carries").optional();
    let fewest = section.field("fewest", "lowest number of users that is tried").check(at_least(1, "")).default(1);
    let most =
        section.field("most", "highest number of users that is tried").check(at_least(2, "")).default(MOST_USERS);
    let (of_other, (low_key, high_key)) = match variable {
        Variable::Rate => (["fewest", "most"], ("low", "high")),
        Variable::Users => (["low", "high"], ("fewest", "most")),
    };
    for key in of_other.into_iter().filter(|key| section.has(key)) {
        let hint = format!("write {low_key} and {high_key}, or set of");
        section.mistake(key, format!("does not belong to a search of the {}", variable.one()), Some(hint));
    }
    let (low, high) = match variable {
        Variable::Rate => (low.0, high.map(|high| high.0)),
        Variable::Users => (fewest as f64, Some(most as f64)),
    };
    if high.is_some_and(|high| high <= low) {
        section.mistake(high_key, format!("must be above `{low_key}`"), None);
    }
    (low, high)
}

fn read_load(section: &Section<'_>, objective: &Objective, external: bool) -> LoadWork {
    let arrivals = read_arrivals(section);
    let connections = read_connections(
        section,
        "connections",
        "connections open at the same time; for users, those of the first closed loop",
        CONNECTIONS,
    );
    let about = "fresh starts of the target for each rate near the answer";
    let instances = section.field("instances", about).check(at_least(1, "")).optional();
    if external && instances.is_some_and(|instances| instances > 1) {
        section.mistake("instances", "harness cannot restart an external target", Some("leave it out".to_owned()));
    }
    let warmup = section.field("warmup", "discarded part of a slice").default(Nanos::from_millis(300));
    let longest = objective.longest().unwrap_or_default();
    let about = "measured part of a slice; default: 200 times the longest limit of the objective, from 2s to 5s";
    let window = longest.times(LIMITS_PER_WINDOW).clamp(SHORTEST, LONGEST);
    let window = section.field("window", about).check(longer_than_0).default(window);
    let instances = instances.unwrap_or(if external { 1 } else { FEWEST_UNITS as u64 });
    let pace = Pace::Open { rate: Rate(1.0), arrivals };
    LoadWork { instances, ..LoadWork::one_round(pace, connections, warmup, window) }
}

/// Reads the number of slices. Fewer values than an interval needs decide nothing.
fn read_slices(section: &Section<'_>, load: &LoadWork) -> u64 {
    let fewest = FEWEST_UNITS as u64;
    let default = if load.instances < fewest { fewest.div_ceil(load.instances) } else { 1 };
    let about = "slices of each instance; default: 1, or as many as make 5 values with fewer than 5 instances";
    let slices = section.field("slices", about).check(at_least(1, "")).default(default);
    if load.instances < fewest && slices * load.instances < fewest {
        let message =
            format!("{} instances with {slices} slices are {} values", load.instances, slices * load.instances);
        section.mistake("slices", message, Some(format!("an interval needs {fewest} values; write {default} or more")));
    }
    slices
}

fn read_objective(section: &Section<'_>) -> Objective {
    let span = |key, about| section.field(key, about).check(longer_than_0).optional().map(|span: Nanos| span.0);
    let p50_ns = span("p50", "largest response time at quantile 0.5");
    let p95_ns = span("p95", "largest response time at quantile 0.95");
    let p99_ns = span("p99", "largest response time at quantile 0.99, for example \"5ms\"");
    let about = "largest share of requests that fail, for example \"0.1%\"";
    let errors: Option<Ratio> = section.field("errors", about).check(|ratio: &Ratio| share(*ratio)).optional();
    let about = "largest CPU use of the target; 100% is one core";
    let cpu: Option<Ratio> = section.field("cpu", about).check(|ratio: &Ratio| positive(*ratio)).optional();
    let errors_ratio = errors.map(|ratio| ratio.0);
    let written = Objective { p50_ns, p95_ns, p99_ns, errors_ratio, cpu_percent: cpu.map(|ratio| ratio.percent()) };
    if written == Objective::default() {
        return Objective { p99_ns: Some(P99.0), errors_ratio: Some(ERRORS.0), ..written };
    }
    written
}

fn share(ratio: Ratio) -> Result<(), String> {
    if (0.0..1.0).contains(&ratio.0) {
        Ok(())
    } else {
        Err(format!("must be 0% to below 100%, is {}", ratio.notation()))
    }
}

fn positive(ratio: Ratio) -> Result<(), String> {
    if ratio.0 > 0.0 { Ok(()) } else { Err(format!("must be above 0%, is {}", ratio.notation())) }
}

fn fine(ratio: Ratio) -> Result<(), String> {
    let fits = (FINEST.0..=0.5).contains(&ratio.0);
    if fits { Ok(()) } else { Err(format!("must be {} to 50%, is {}", FINEST.notation(), ratio.notation())) }
}
