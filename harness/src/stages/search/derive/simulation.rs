//! Searches on simulated queues whose answer is known: how often the answer contains it, and how many probes that takes.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::assess::{Tried, Unit, assess, can_be_decided, overall, verdicts};
use super::steer::{Bounds, Ends, Next, Verdict, ends, next};
use crate::stages::search::facts::{Objective, Purpose};

const LIMIT: f64 = 5e-3;
const PRECISION: f64 = 0.05;
const PROBES: u64 = 12;
const INSTANCES: usize = 5;
/// How often a probe gets the same number of instances again.
const BATCHES: usize = 5;
/// Length of a warm-up and of a window in seconds.
const WARMUP: f64 = 0.3;
const WINDOW: f64 = 2.0;

/// A single server with a queue.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// From the start of a turn to the next.
    spacing: f64,
    /// From the start of a turn to its answer.
    service: f64,
    poisson: bool,
    /// Relative standard deviation of the spacing of fresh instances.
    scatter: f64,
}

/// Returns the share of requests in an M/D/1 queue that wait longer than `wait`, in service times (C. D. Crommelin, "Delay Probability
/// Formulae When the Holding Times Are Constant", 1932).
fn crommelin(load: f64, wait: f64) -> f64 {
    let term = |k: u32| {
        let x = load * (wait - f64::from(k));
        let power = (1..=k).fold(1.0, |product, i| product * -x / f64::from(i));
        power * x.exp()
    };
    1.0 - (1.0 - load) * (0..=wait.floor() as u32).map(term).sum::<f64>()
}

impl Server {
    /// Returns the highest rate at which 1 % of the responses take longer than the limit.
    fn truth(&self) -> f64 {
        if !self.poisson {
            return 1.0 / self.spacing;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let half = f64::midpoint(low, high);
            let beyond = crommelin(half, (LIMIT - self.service) / self.spacing);
            if beyond <= 0.01 { low = half } else { high = half }
        }
        low / self.spacing
    }

    /// Simulates a window of an instance.
    fn unit(&self, rate: f64, random: &mut ChaCha8Rng) -> Unit {
        let normal: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
        let factor = (self.scatter * normal).exp();
        let (warmup, window, spacing, service) = (WARMUP, WINDOW, self.spacing * factor, self.service * factor);
        let (mut at, mut free, mut slot) = (0.0_f64, 0.0_f64, 0.0);
        let mut unit = Unit { beyond: vec![0], ..Unit::default() };
        loop {
            at = match self.poisson {
                true => at - random.random_range(f64::MIN_POSITIVE..1.0).ln() / rate,
                false => (slot + random.random_range(0.0..1.0)) / rate,
            };
            slot += 1.0;
            if at >= warmup + window {
                return unit;
            }
            let begins = at.max(free);
            free = begins + spacing;
            let ends = begins + service;
            unit.answered += u64::from((warmup..warmup + window).contains(&ends));
            if at >= warmup {
                unit.due += 1;
                unit.scheduled += 1;
                unit.beyond[0] += u64::from(ends - at > LIMIT);
            }
        }
    }

    /// Searches, and returns the answer with the number of probes and the time that they take in seconds.
    fn search(&self, random: &mut ChaCha8Rng) -> (Ends, u64, f64) {
        let capacity = 1.0 / self.spacing;
        let bounds =
            Bounds { low: 1.0, high: 50.0 * capacity, start: 0.75 * capacity, precision: PRECISION, whole: false };
        let objective = Objective { p99_ns: Some((LIMIT * 1e9) as u64), ..Objective::default() };
        let (mut tried, mut took) = (Vec::<Tried>::new(), 3.0);
        for left in (0..PROBES).rev() {
            let seen = verdicts(&objective, 0.99, &tried);
            let Next::Probe(purpose, rate) = next(&bounds, &seen, left + 1) else { break };
            let mut units = Vec::new();
            let (instances, batches) = if purpose == Purpose::Bracket { (1, 1) } else { (INSTANCES, BATCHES) };
            for _ in 0..batches {
                units.extend((0..instances).map(|_| self.unit(rate, random)));
                took += instances as f64 * (0.4 + WARMUP + WINDOW);
                let found = assess(&objective, 0.99, &units);
                let (verdict, _) = overall(&found);
                if verdict != Verdict::Undecided || !can_be_decided(&found, units.len(), INSTANCES * BATCHES) {
                    break;
                }
            }
            tried.push(Tried { purpose, rate, units, fixed: None });
        }
        let seen = verdicts(&objective, 0.99, &tried);
        (ends(&seen), tried.len() as u64, took)
    }
}

/// Counts of many searches.
#[derive(Debug, Default)]
struct Score {
    searches: f64,
    covered: f64,
    narrow: f64,
    confirmed: f64,
    probes: f64,
    seconds: f64,
    disjoint: f64,
}

fn score(server: &dyn Fn(&mut ChaCha8Rng) -> Server, pairs: u32) -> Score {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut score = Score::default();
    for _ in 0..pairs {
        let server = server(&mut random);
        let truth = server.truth();
        let mut pair = Vec::new();
        for _ in 0..2 {
            let (found, probes, seconds) = server.search(&mut random);
            let (low, high) = (found.low.unwrap_or(0.0) / (1.0 + LIMIT / WINDOW), found.high.unwrap_or(f64::INFINITY));
            let covers = low <= truth && truth <= high;
            let narrow = (high - low) / (high + low) <= PRECISION + 1e-9;
            score.searches += 1.0;
            score.covered += f64::from(u8::from(covers));
            score.narrow += f64::from(u8::from(narrow));
            score.confirmed += f64::from(u8::from(found.confirmed));
            score.probes += probes as f64;
            score.seconds += seconds;
            pair.push((low, high));
        }
        let apart = pair[0].1 < pair[1].0 || pair[1].1 < pair[0].0;
        score.disjoint += f64::from(u8::from(apart));
    }
    score
}

/// Serves a drawn rate, and lets the other requests wait.
fn bucket() -> impl Fn(&mut ChaCha8Rng) -> Server {
    |random| Server { spacing: 1.0 / random.random_range(800.0..4_000.0), service: 0.0, poisson: false, scatter: 0.0 }
}

/// An M/D/1 queue with a drawn service time.
fn queue(scatter: f64) -> impl Fn(&mut ChaCha8Rng) -> Server {
    move |random| {
        let service = random.random_range(0.3e-3..1.0e-3);
        Server { spacing: service, service, poisson: true, scatter }
    }
}

#[test]
fn the_answer_contains_the_rate_that_a_bucket_serves() {
    let found = score(&bucket(), 40);
    assert!(found.covered >= 0.97 * found.searches && found.narrow >= 0.97 * found.searches, "{found:?}");
    assert!(found.probes <= 9.0 * found.searches && found.disjoint == 0.0, "{found:?}");
}

#[test]
fn the_answer_contains_the_rate_at_which_a_queue_reaches_the_limit() {
    for scatter in [0.0, 0.01] {
        let found = score(&queue(scatter), 40);
        // 95 % less three standard errors of a share in 80.
        assert!(found.covered >= 0.88 * found.searches, "{found:?}");
        assert!(found.narrow >= 0.7 * found.searches && found.confirmed >= 0.9 * found.searches, "{found:?}");
        assert!(found.disjoint <= 0.05 * found.searches, "{found:?}");
    }
}

#[test]
fn waits_are_those_of_a_simulated_queue() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let server = Server { spacing: 1e-3, service: 1e-3, poisson: true, scatter: 0.0 };
    for load in [0.4, 0.6, 0.75] {
        let units: Vec<Unit> = (0..400).map(|_| server.unit(load * 1e3, &mut random)).collect();
        let (beyond, due) = units.iter().fold((0, 0), |(b, d), unit| (b + unit.beyond[0], d + unit.due));
        let (found, expected) = (beyond as f64 / due as f64, crommelin(load, LIMIT / 1e-3 - 1.0));
        assert!((found / expected - 1.0).abs() < 0.1, "load {load}: {found}, expected {expected}");
    }
    // Without waiting, the server is idle: P(W > 0) is the load.
    assert!((crommelin(0.6, 0.0) - 0.6).abs() < 1e-12);
}

/// Prints the table of `docs/search.md`.
#[test]
#[ignore = "takes a minute and checks nothing"]
fn print_the_coverage() {
    type Draw = Box<dyn Fn(&mut ChaCha8Rng) -> Server>;
    let kinds: [(&str, Draw); 3] =
        [("bucket", Box::new(bucket())), ("M/D/1", Box::new(queue(0.0))), ("M/D/1, 2 %", Box::new(queue(0.02)))];
    for (name, server) in kinds {
        let Score { searches, covered, narrow, confirmed, probes, seconds, disjoint } = score(&server, 500);
        let [covered, narrow, confirmed, probes, seconds] =
            [covered, narrow, confirmed, probes, seconds].map(|sum| sum / searches);
        let pairs = 2.0 * disjoint / searches;
        println!("{name}: {covered:.3} {narrow:.3} {confirmed:.3} {probes:.1} {seconds:.0} s {pairs:.4}");
    }
}
