//! Reads what a target reports of itself: before the first counted round of an instance and after each of its rounds, and once after a
//! launch. The target is idle meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bench::Bench;
use super::halt::Halt;
use super::rig::Rig;
use super::scraped::Scraped;
use crate::interop::exposition::{Exposition, Sample};
use crate::measure::scraped::{Asked, Bucket, Found, How};
use crate::measure::{Arm, RoundStatus};
use crate::work::Stage;
use crate::work::reported::Read;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_base::words::nearest;
use harness_rig::aside::aside;
use harness_rig::probe;
use harness_rig::target::HttpUrl;

/// The longest answer of a metrics endpoint, in bytes.
const LONGEST: usize = 2 << 20;
/// The most buckets of a histogram.
const MOST_BUCKETS: usize = 1_000;
/// How long a target is left alone after its last round, to see what grows without requests.
const IDLE: Duration = Duration::from_millis(50);

type Answer = Result<Exposition, String>;

/// The answers of the endpoints of one instance.
#[derive(Debug)]
struct Look {
    at: Mono,
    answers: BTreeMap<String, Answer>,
}

/// What an instance has reported so far.
#[derive(Debug)]
struct Window {
    index: u32,
    /// The answers after the last round.
    last: Look,
    /// The time of the valid rounds, each from the answers before it to those after it.
    span: Nanos,
    /// What the valid rounds added, by the stage that describes it and the order of what is asked for; absent before the first of them.
    found: Option<Vec<Vec<Found>>>,
}

/// The windows of the instances of a turn.
#[derive(Debug, Default)]
pub(crate) struct Scraping(Vec<Window>);

impl Scraping {
    /// Looks at the instances before their first counted round, if anything is read of them.
    ///
    /// # Errors
    /// Returns [`Halt::Failed`] if a target ended, or [`Halt::Interrupted`]. An endpoint that does not answer is part of the result.
    pub(crate) async fn begin(rig: &Rig<'_>, stage: &Stage, benches: &[Bench]) -> Result<Self, Halt> {
        let mut windows = Vec::new();
        if !stage.reports.windows.is_empty() {
            for bench in benches {
                let last = look(rig, stage, bench, None).await?;
                windows.push(Window { index: bench.index, last, span: Nanos::ZERO, found: None });
            }
        }
        Ok(Self(windows))
    }

    /// Looks at the instances after a round. What they reported since the look before it counts if the round does.
    ///
    /// # Errors
    /// See [`Scraping::begin`].
    pub(crate) async fn after(
        &mut self,
        rig: &Rig<'_>,
        stage: &Stage,
        benches: &[Bench],
        status: RoundStatus,
    ) -> Result<(), Halt> {
        for window in &mut self.0 {
            let Some(bench) = benches.iter().find(|bench| bench.index == window.index) else { continue };
            let now = look(rig, stage, bench, Some(&window.last)).await?;
            if status == RoundStatus::Valid {
                window.span = window.span.plus(now.at.since(window.last.at));
                let found = increases(stage, &window.last, &now);
                window.found = Some(match window.found.take() {
                    None => found,
                    Some(sums) => sums.into_iter().zip(found).map(added).collect(),
                });
            }
            window.last = now;
        }
        Ok(())
    }

    /// Looks at the instances once more while they are idle, and keeps what they reported.
    ///
    /// # Errors
    /// See [`Scraping::begin`].
    pub(crate) async fn end(self, rig: &mut Rig<'_>, stage: &Stage, benches: &[Bench]) -> Result<(), Halt> {
        if self.0.is_empty() {
            return Ok(());
        }
        rig.interrupt.or(tokio::time::sleep(IDLE)).await?;
        for Window { index, last, span, found } in self.0 {
            let Some(bench) = benches.iter().find(|bench| bench.index == index) else { continue };
            let now = look(rig, stage, bench, Some(&last)).await?;
            let (sent, idle_span) = (sent(rig, index), now.at.since(last.at));
            let idle = increases(stage, &last, &now);
            let found = found.unwrap_or_default().into_iter().zip(idle);
            for ((into, _), (found, idle)) in stage.reports.windows.iter().zip(found) {
                let idle = idle.iter().map(|found| found.count().unwrap_or(0.0)).collect();
                let (into, build) = (into.clone(), bench.build);
                rig.scraped.push(Scraped { into, index, build, span, sent, found, idle_span, idle });
            }
        }
        Ok(())
    }
}

/// Returns what was reported between two looks, by the stage that describes it and the order of what is asked for.
fn increases(stage: &Stage, before: &Look, after: &Look) -> Vec<Vec<Found>> {
    let of = |(_, reads): &(String, Vec<Read>)| reads.iter().map(|read| found(read, before, after)).collect();
    stage.reports.windows.iter().map(of).collect()
}

fn added((sums, found): (Vec<Found>, Vec<Found>)) -> Vec<Found> {
    sums.into_iter().zip(found).map(|(sum, found)| sum.plus(found)).collect()
}

/// Counts the requests that the valid rounds sent to the target.
fn sent(rig: &Rig<'_>, index: u32) -> u64 {
    let rounds = rig.recorder.instance(index).map_or(&[][..], |instance| &instance.rounds);
    let trials = rounds.iter().filter(|round| round.status == RoundStatus::Valid).flat_map(|round| &round.trials);
    trials.filter(|trial| trial.arm == Arm::Proxied).map(|trial| trial.load.sent_total).sum()
}

/// Reads a gauge of a target, in the unit of its metric.
///
/// # Errors
/// Returns [`Halt::Failed`] if the target ended, or [`Halt::Interrupted`].
pub(crate) async fn gauge(rig: &Rig<'_>, bench: &Bench, read: &Read) -> Result<Result<f64, String>, Halt> {
    let answer = answer(rig, bench, &read.endpoint).await?;
    Ok(answer.and_then(|answer| read.asked.value(&gauge_of(&read.asked, &answer), 0)))
}

/// Asks each endpoint once. One that could not be read before is not asked again, because the whole window is lost already.
async fn look(rig: &Rig<'_>, stage: &Stage, bench: &Bench, last: Option<&Look>) -> Result<Look, Halt> {
    let mut answers = BTreeMap::new();
    for read in stage.reports.windows.iter().flat_map(|(_, reads)| reads) {
        if answers.contains_key(&read.endpoint) {
            continue;
        }
        let answer = match last.and_then(|last| last.answers.get(&read.endpoint)) {
            Some(Err(why)) => Err(why.clone()),
            _ => answer(rig, bench, &read.endpoint).await?,
        };
        answers.insert(read.endpoint.clone(), answer);
    }
    Ok(Look { at: Mono::now(), answers })
}

/// Asks one endpoint on a thread of its own, within a second.
async fn answer(rig: &Rig<'_>, bench: &Bench, endpoint: &str) -> Result<Answer, Halt> {
    let Some(url) = bench.endpoint(endpoint).cloned() else {
        return Ok(Err(format!("{endpoint} names no endpoint of the target")));
    };
    let shown = url.to_string();
    let read = bench.during(&rig.interrupt, aside(move || fetched(&url))).await?;
    let read = read.map_err(|error| Halt::tooling(&error))?;
    Ok(read.map_err(|why| format!("{shown} could not be read: {why}; check with: curl -i {shown}")))
}

fn fetched(url: &HttpUrl) -> Answer {
    let body = probe::fetch(url, LONGEST, &|| false).map_err(|error| error.to_string())?;
    let text = String::from_utf8(body).map_err(|_| "its answer is not UTF-8".to_owned())?;
    Exposition::parse(&text).map_err(|malformed| malformed.to_string())
}

fn found(read: &Read, before: &Look, after: &Look) -> Found {
    let (before, after) = match (before.answers.get(&read.endpoint), after.answers.get(&read.endpoint)) {
        (Some(Ok(before)), Some(Ok(after))) => (before, after),
        (Some(Err(why)), _) | (_, Some(Err(why))) => return Found::Missing(why.clone()),
        _ => return Found::Missing("it was not read".to_owned()),
    };
    match read.asked.how {
        How::Mean | How::Quantile(_) | How::PerRequest if before == after => Found::Stale,
        How::Gauge => gauge_of(&read.asked, after),
        How::PerRequest => counter_of(&read.asked, before, after),
        How::Mean | How::Quantile(_) => histogram_of(&read.asked, before, after),
    }
}

fn series<'e>(asked: &'e Asked, name: &'e str, answer: &'e Exposition) -> Vec<&'e Sample> {
    answer.of(name, asked.labels.iter()).collect()
}

/// Explains that the answer does not have what is asked for.
fn missing(asked: &Asked, name: &str, answer: &Exposition) -> Found {
    let all = || answer.samples.iter().map(|sample| sample.name.as_str());
    let labels: Vec<String> = asked.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let why = if all().any(|known| known == name) {
        format!("{name} has no series with {}", labels.join(", "))
    } else {
        let near = nearest(name, all()).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("{name} is not in the answer{near}")
    };
    Found::Missing(why)
}

fn gauge_of(asked: &Asked, answer: &Exposition) -> Found {
    match series(asked, &asked.name, answer).as_slice() {
        [] => missing(asked, &asked.name, answer),
        [one] if one.value.is_finite() => Found::Gauge(one.value),
        [one] => Found::Missing(format!("{} is {}", asked.name, one.value)),
        several => Found::Missing(format!("{} has {} series: choose one with labels", asked.name, several.len())),
    }
}

/// The increase of the series of one name, added; the first series that went backwards is an error. A series that is new counts from 0.
fn increase(asked: &Asked, name: &str, before: &Exposition, after: &Exposition) -> Result<f64, Found> {
    let now = series(asked, name, after);
    let by_labels: BTreeMap<_, f64> = now.iter().map(|sample| (&sample.labels, sample.value)).collect();
    let mut increase = 0.0;
    for then in series(asked, name, before) {
        let same = by_labels.get(&then.labels).copied().unwrap_or(0.0);
        if same < then.value {
            return Err(Found::Reset { before: then.value, after: same });
        }
        increase -= then.value;
    }
    if now.is_empty() {
        return Err(missing(asked, name, after));
    }
    increase += now.iter().map(|sample| sample.value).sum::<f64>();
    if increase.is_finite() { Ok(increase) } else { Err(Found::Missing(format!("{name} is not a finite number"))) }
}

fn counter_of(asked: &Asked, before: &Exposition, after: &Exposition) -> Found {
    // OpenMetrics appends `_total` to the name of a counter.
    let appended = format!("{}_total", asked.name);
    let is_appended = series(asked, &asked.name, after).is_empty() && !series(asked, &appended, after).is_empty();
    let name = if is_appended { &appended } else { &asked.name };
    increase(asked, name, before, after).map_or_else(|found| found, Found::Counter)
}

fn histogram_of(asked: &Asked, before: &Exposition, after: &Exposition) -> Found {
    let of = |part: &str| increase(asked, &format!("{}_{part}", asked.name), before, after);
    let (count, sum) = match (of("count"), of("sum")) {
        (Ok(count), Ok(sum)) => (count, sum),
        (Err(found), _) | (_, Err(found)) => return found,
    };
    match buckets_of(asked, before, after) {
        Ok(buckets) => Found::Histogram { count, sum, buckets },
        Err(found) => found,
    }
}

/// Returns the increases of the buckets, which are cumulated in the answer.
fn buckets_of(asked: &Asked, before: &Exposition, after: &Exposition) -> Result<Vec<Bucket>, Found> {
    let name = format!("{}_bucket", asked.name);
    let mut ends: Vec<(f64, &str)> = Vec::new();
    for sample in series(asked, &name, after) {
        let end = sample.label("le").and_then(|end| Some((end.parse::<f64>().ok()?, end)));
        let Some(end) = end else { return Err(Found::Missing(format!("{name} has a series without a number in le"))) };
        if !ends.contains(&end) {
            ends.push(end);
        }
        if ends.len() > MOST_BUCKETS {
            return Err(Found::Missing(format!("{name} has more than {MOST_BUCKETS} buckets")));
        }
    }
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut below, mut buckets) = (0.0, Vec::new());
    for (upper, written) in ends {
        let mut labels = asked.labels.clone();
        labels.insert("le".to_owned(), written.to_owned());
        let up_to = increase(&Asked { labels, ..asked.clone() }, &name, before, after)?;
        if up_to < below {
            return Err(Found::Missing(format!("{name} does not grow with le")));
        }
        buckets.push(Bucket { upper: upper.is_finite().then_some(upper), count: up_to - below });
        below = up_to;
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests;
