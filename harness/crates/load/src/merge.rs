//! Merges what several generators report of one job into what one generator would have reported. Counts are added, and histograms bucket by
//! bucket, so both are exact.

use super::echo::facts::Handshakes;
use super::frames::{Opened, Preflight};
use super::nodes::{FirstRelease, NodeClock, NodeHost, NodeTrial};
use crate::facts::{Halves, InFlightSamples, Latencies, LoadFacts, ReadLag, Second, StallTotal, Ticks};
use crate::outcome::Outcome;

/// The number of examples of failures that are kept.
const EXAMPLES: usize = 5;

/// Merges the reports of all generators of a trial; `seconds` are merged already, but without what was counted after they had been reported.
///
/// The window begins where the first one began, and the length of stalls is the mean of all, so that it has the same share of the window. The
/// means of the halves are weighted by the number of response times. `nodes` stays empty.
pub fn merge(parts: &[LoadFacts], seconds: Vec<Second>) -> LoadFacts {
    let mut whole = LoadFacts::default();
    for part in parts {
        add_counts(&mut whole, part);
        add_times(&mut whole, part);
    }
    // Of a generator alone, blocks without a request are absent.
    whole.blocks.retain(|block| block.count() > 0);
    let number = parts.len().max(1) as u64;
    let examples = (0..EXAMPLES).flat_map(|place| parts.iter().filter_map(move |part| part.examples.get(place)));
    LoadFacts {
        window_start: parts.iter().map(|part| part.window_start).min().unwrap_or_default(),
        window_ns: parts.iter().map(|part| part.window_ns).sum::<u64>() / number,
        halves: halves(parts),
        stalls: stalls(parts),
        mean_in_flight: parts.iter().map(|part| part.mean_in_flight).fold(0.0, |sum, mean| sum + mean),
        in_flight_samples: in_flight_samples(parts),
        watched: whole.watched.map(|watched| Box::new(watched.sorted())),
        seconds: with_final_counts(parts, &seconds),
        examples: examples.take(EXAMPLES).cloned().collect(),
        ..whole
    }
}

/// Adds the counts of a generator.
fn add_counts(whole: &mut LoadFacts, part: &LoadFacts) {
    whole.scheduled += part.scheduled;
    whole.outcomes.merge(&part.outcomes);
    whole.outside.merge(&part.outside);
    whole.first_error_ns = whole.first_error_ns.into_iter().chain(part.first_error_ns).min();
    whole.completed_in_window += part.completed_in_window;
    whole.late += part.late;
    whole.sent_total += part.sent_total;
    whole.reconnects += part.reconnects;
    add(&mut whole.connections, part.connections.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.mcp, part.mcp.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.stdio, part.stdio.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.watched, part.watched.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.ticks, part.ticks.as_ref(), add_ticks);
    let released_at = |first: &FirstRelease| first.intended_ns.saturating_add(first.lag_ns);
    whole.first_release = whole.first_release.into_iter().chain(part.first_release).min_by_key(released_at);
}

/// Adds the times that a generator recorded.
fn add_times(whole: &mut LoadFacts, part: &LoadFacts) {
    let Latencies { response, service, ttfb, first_body, connection_wait, pacer_lag } = &part.latencies;
    let mine = &mut whole.latencies;
    mine.response.merge(response);
    mine.service.merge(service);
    mine.ttfb.merge(ttfb);
    mine.first_body.merge(first_body);
    mine.connection_wait.merge(connection_wait);
    mine.pacer_lag.merge(pacer_lag);
    add(&mut whole.events, part.events.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.continued, part.continued.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.streams, part.streams.as_ref(), |whole, part| whole.merge(part));
    add(&mut whole.read_lag, part.read_lag.as_ref(), add_read_lag);
    for (place, block) in part.blocks.iter().enumerate() {
        match whole.blocks.get_mut(place) {
            Some(known) => known.merge(block),
            None => whole.blocks.push(block.clone()),
        }
    }
}

/// Adds what a generator may lack.
fn add<T: Clone>(whole: &mut Option<T>, part: Option<&T>, merge: impl FnOnce(&mut T, &T)) {
    let Some(part) = part else { return };
    match whole {
        Some(whole) => merge(whole, part),
        None => *whole = Some(part.clone()),
    }
}

fn add_ticks(whole: &mut Ticks, part: &Ticks) {
    for (place, outcomes) in part.outcomes.iter().enumerate() {
        match whole.outcomes.get_mut(place) {
            Some(known) => known.merge(outcomes),
            None => whole.outcomes.push(*outcomes),
        }
    }
}

fn add_read_lag(whole: &mut ReadLag, part: &ReadLag) {
    whole.lags.merge(&part.lags);
    whole.dropped += part.dropped;
    whole.error_ns = whole.error_ns.max(part.error_ns);
}

/// Returns the means of both halves over all generators that have both.
fn halves(parts: &[LoadFacts]) -> Option<Halves> {
    let weighted = |part: &LoadFacts| Some((part.halves?, u128::from(part.latencies.response.count())));
    let means: Vec<(Halves, u128)> = parts.iter().filter_map(weighted).collect();
    let number: u128 = means.iter().map(|(_, number)| number).sum();
    let mean = |of: fn(&Halves) -> u64| {
        let sum: u128 = means.iter().map(|(halves, number)| u128::from(of(halves)) * number).sum();
        u64::try_from(sum.checked_div(number)?).ok()
    };
    Some(Halves { first_ns: mean(|halves| halves.first_ns)?, second_ns: mean(|halves| halves.second_ns)? })
}

/// Returns the stalls of all generators; `None` if they are not known of one.
fn stalls(parts: &[LoadFacts]) -> Option<StallTotal> {
    let all: Vec<StallTotal> = parts.iter().map(|part| part.stalls).collect::<Option<_>>()?;
    let sum = |of: fn(&StallTotal) -> u64| all.iter().map(of).sum::<u64>();
    Some(StallTotal {
        span_ns: sum(|stalls| stalls.span_ns) / all.len().max(1) as u64,
        requests: sum(|stalls| stalls.requests),
        ended_after: sum(|stalls| stalls.ended_after),
        errors: sum(|stalls| stalls.errors),
    })
}

/// Returns the samples of the sum of the requests in flight: variances of independent samples add up, and the generator with the fewest
/// limits their number.
fn in_flight_samples(parts: &[LoadFacts]) -> Option<InFlightSamples> {
    let all: Vec<InFlightSamples> = parts.iter().map(|part| part.in_flight_samples).collect::<Option<_>>()?;
    let number = all.iter().map(|samples| samples.number).min()?;
    let variance = all.iter().map(|samples| samples.variance).fold(0.0, |sum, variance| sum + variance);
    Some(InFlightSamples { number, variance })
}

/// Returns the seconds with the counts of the reports, which are later than those of the seconds as they passed.
fn with_final_counts(parts: &[LoadFacts], seconds: &[Second]) -> Vec<Second> {
    let number = parts.iter().map(|part| part.seconds.len()).max().unwrap_or(0);
    let second = |place: usize| {
        let all: Vec<&Second> = parts.iter().filter_map(|part| part.seconds.get(place)).collect();
        let response = seconds.get(place).and_then(|second| second.response);
        let (ok, errors) = (all.iter().map(|second| second.ok).sum(), all.iter().map(|second| second.errors).sum());
        let (from_s, length_s) = all.first().map_or((0.0, 0.0), |second| (second.from_s, second.length_s));
        Second { from_s, length_s, ok, errors, response }
    };
    (0..number).map(second).collect()
}

/// Merges the answers to the order to open connections; `None` without an answer.
pub fn merge_opened(parts: &[Opened]) -> Option<Opened> {
    Some(Opened {
        arm: parts.first()?.arm,
        connections: parts.iter().map(|part| part.connections).sum(),
        failed: parts.iter().map(|part| part.failed).sum(),
        example: parts.iter().find_map(|part| part.example.clone()),
    })
}

/// Merges the preflights of all generators: of each request the first answer that is not as expected, or else that of the first generator.
/// Returns `None` without a preflight.
pub fn merge_preflights(parts: &[Preflight]) -> Option<Preflight> {
    let number = parts.iter().map(|part| part.answers.len()).max()?;
    let answer = |place: usize| {
        let all = || parts.iter().filter_map(move |part| part.answers.get(place));
        all().find(|answer| answer.outcome != Outcome::Ok).or_else(|| all().next()).cloned()
    };
    Some(Preflight {
        arm: parts.first()?.arm,
        answers: (0..number).filter_map(answer).collect(),
        tls: parts.iter().find_map(|part| part.tls.clone()),
    })
}

/// Merges the connections that all generators opened one after the other.
pub fn merge_handshakes(parts: &[Handshakes]) -> Handshakes {
    let mut whole = Handshakes::default();
    for Handshakes { ready_ns, first_byte_ns, early_ns, early_refused, stalled, outcomes, example } in parts {
        whole.ready_ns.extend_from_slice(ready_ns);
        whole.first_byte_ns.extend_from_slice(first_byte_ns);
        whole.early_ns.extend_from_slice(early_ns);
        whole.early_refused += early_refused;
        whole.stalled += stalled;
        whole.outcomes.merge(outcomes);
        whole.example = whole.example.or_else(|| example.clone());
    }
    whole
}

/// Returns what is recorded of one generator of several.
pub fn node_trial(facts: &LoadFacts, index: u64, name: &str, clock: NodeClock, host: NodeHost) -> NodeTrial {
    NodeTrial {
        index,
        name: name.to_owned(),
        scheduled: facts.scheduled,
        sent_total: facts.sent_total,
        completed_in_window: facts.completed_in_window,
        errors: facts.outcomes.errors(),
        unsent: facts.outcomes.unsent,
        late: facts.late,
        pacer_lag: facts.latencies.pacer_lag.judged(),
        read_lag: facts.read_lag.as_ref().and_then(|lag| lag.lags.judged()),
        stalls: facts.stalls,
        first_lag_ns: facts.first_release.map(|first| first.lag_ns),
        clock,
        host,
    }
}

#[cfg(test)]
mod tests;
