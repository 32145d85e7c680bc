//! False alarms and power of every kind of evidence, by simulation: seeded, so that the table in `docs/statistics.md` is that of the
//! code. It goes through the very function that decides.
use std::path::Path;

use harness::measure::metric::{Better, Kind, Unit};
use harness::verdict::evidence::Grounds;
use harness::verdict::gate::Gates;
use harness::verdict::judgement::FindingKind;
use harness::verdict::weigh::{Question, weigh};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// True changes.
const CHANGES: [f64; 4] = [0.0, 0.05, 0.15, 0.35];

/// Simulated comparisons for each kind of evidence and change: a share of 1 % has a standard error of 0.3 %.
const COMPARISONS: u32 = 1_000;

/// Rounds of a run that is stored.
const ROUNDS: usize = 10;

/// Stored runs.
const RUNS: usize = 8;

/// Standard deviations of logarithms.
#[derive(Clone, Copy)]
struct Scatter {
    /// From one run to another: the host of the day.
    run: f64,
    /// From round to round.
    round: f64,
}

const SHARED: Scatter = Scatter { run: 0.08, round: 0.03 };
const QUIET: Scatter = Scatter { run: 0.015, round: 0.02 };

/// Of the host, from one round to the next.
const DRIFT: f64 = 0.02;

/// Of one fresh instance against another of the same build.
const INSTANCE: f64 = 0.01;

#[derive(Clone, Copy)]
enum Class {
    Paired(usize),
    Rounds,
    History,
    RoundsAndHistory,
    /// The same in two runs one after the other.
    Twice,
}

struct Host(ChaCha8Rng);

impl Host {
    /// Standard normal (G. E. P. Box and M. E. Muller, 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.0.random_range(f64::EPSILON..1.0_f64).ln()).sqrt();
        radius * self.0.random_range(0.0..std::f64::consts::TAU).cos()
    }

    /// Rounds of one run of a target whose latency is 2 ms and so much more.
    fn run(&mut self, scatter: Scatter, change: f64) -> Vec<f64> {
        let level = 2.0 * (1.0 + change) * (scatter.run * self.normal()).exp();
        (0..ROUNDS).map(|_| level * (scatter.round * self.normal()).exp()).collect()
    }

    /// Rounds of two builds beside each other on a host that drifts; two instances of each, half of the rounds on either.
    fn pairs(&mut self, n: usize, change: f64) -> Grounds {
        let (mut base, mut head) = (Vec::new(), Vec::new());
        let mut level = 2.0_f64;
        let mut instances = [0.0; 2];
        for round in 0..n {
            if round == 0 || round == n.div_ceil(2) {
                instances = [self.normal(), self.normal()].map(|normal| (INSTANCE * normal).exp());
            }
            level *= (DRIFT * self.normal()).exp();
            base.push(level * instances[0] * (SHARED.round * self.normal()).exp());
            head.push(level * instances[1] * (1.0 + change) * (SHARED.round * self.normal()).exp());
        }
        Grounds::Paired { base, head }
    }

    /// This run against stored ones; `history` and `rounds` select those that count.
    fn stored(&mut self, scatter: Scatter, change: f64, rounds: bool, history: bool) -> (Grounds, Grounds) {
        let runs: Vec<Vec<f64>> = (0..RUNS).map(|_| self.run(scatter, 0.0)).collect();
        let points: Vec<f64> = runs.iter().map(|run| median(run)).collect();
        let base = if rounds { runs[RUNS - 1].clone() } else { Vec::new() };
        let history = if history { points } else { points[RUNS - 1..].to_vec() };
        let [one, other] = [0; 2].map(|_| self.run(scatter, change));
        let grounds = |head| Grounds::Stored { base: base.clone(), history: history.clone(), head };
        (grounds(one), grounds(other))
    }

    fn kind(&mut self, class: Class, scatter: Scatter, change: f64) -> FindingKind {
        let (one, other) = match class {
            Class::Paired(n) => return decided(&self.pairs(n, change)),
            Class::Rounds => self.stored(scatter, change, true, false),
            Class::History => self.stored(scatter, change, false, true),
            Class::RoundsAndHistory | Class::Twice => self.stored(scatter, change, true, true),
        };
        match (decided(&one), class) {
            (first, Class::Twice) if first.is_breach() => match decided(&other) {
                second if second.is_breach() => FindingKind::Alert,
                _ => FindingKind::Inconclusive,
            },
            (found, _) => found,
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

fn decided(grounds: &Grounds) -> FindingKind {
    let id = "latency/p50";
    let gate = Gates::default().of(id, Unit::Millis);
    let (direction, kind) = (Better::Lower, Kind::Sampled);
    weigh(&Question { id, unit: Unit::Millis, direction, kind, gate, advisory: None, caps: &[] }, grounds).kind
}

/// Shares of comparisons that end in an alert or a block, and in a block, for each true change.
struct Power {
    name: String,
    breaches: [f64; 4],
    blocks: [f64; 4],
}

fn power(name: &str, class: Class, scatter: Scatter) -> Power {
    let mut power = Power { name: name.to_owned(), breaches: [0.0; 4], blocks: [0.0; 4] };
    for (at, change) in CHANGES.into_iter().enumerate() {
        let mut host = Host(ChaCha8Rng::seed_from_u64(20_261_121));
        let kinds: Vec<FindingKind> = (0..COMPARISONS).map(|_| host.kind(class, scatter, change)).collect();
        let share = |wanted: fn(&FindingKind) -> bool| {
            kinds.iter().filter(|kind| wanted(kind)).count() as f64 / f64::from(COMPARISONS)
        };
        power.breaches[at] = share(|kind| kind.is_breach());
        power.blocks[at] = share(|kind| *kind == FindingKind::Block);
    }
    power
}

const TITLE: &str = "\
| evidence | nothing: alert | nothing: block | +5 %: alert | +15 %: alert | +35 %: alert | +35 %: block |
|---|---:|---:|---:|---:|---:|---:|
";

fn row(power: &Power) -> String {
    let Power { name, breaches, blocks } = power;
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let block = |share: f64| if name.starts_with("twice") { "–".to_owned() } else { percent(share) };
    let [nothing, five, fifteen, thirty] = breaches.map(percent);
    format!("| {name} | {nothing} | {} | {five} | {fifteen} | {thirty} | {} |\n", block(blocks[0]), block(blocks[3]))
}

/// The document between these lines is written by this test.
fn matches_document(found: &str) {
    const FROM: &str = "<!-- simulation: UPDATE=1 cargo test -p harness --test fast power -->\n";
    const TO: &str = "<!-- end of simulation -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statistics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find(FROM).expect("the document has a place for the table") + FROM.len();
    let end = start + text[start..].find(TO).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{}\n{found}\n{}", &text[..start], &text[end..])).unwrap();
        return;
    }
    assert!(text[start..end].trim() == found.trim(), "docs/statistics.md differs; write it with UPDATE=1:\n{found}");
}

#[test]
fn false_alarms_are_rare_and_real_changes_are_found() {
    let paired: Vec<Power> =
        [6, 8, 10, 15].map(|n| power(&format!("paired, {n} rounds"), Class::Paired(n), SHARED)).into();
    let stored = |host: &str, scatter: Scatter| {
        [
            ("rounds of two runs", Class::Rounds),
            ("history", Class::History),
            ("rounds and history", Class::RoundsAndHistory),
            ("twice in a row, rounds and history", Class::Twice),
        ]
        .map(|(name, class)| power(&format!("{name}, {host}"), class, scatter))
    };
    let (shared, quiet) = (stored("8 % between runs", SHARED), stored("1.5 % between runs", QUIET));
    let rows: String = paired.iter().chain(&shared).chain(&quiet).map(row).collect();
    matches_document(&format!("{TITLE}{rows}"));

    for found in &paired {
        assert!(found.breaches[0] <= 0.01 && found.blocks[0] == 0.0, "{}", row(found));
        assert!(found.breaches[1] <= 0.03, "{}", row(found));
        assert!(found.breaches[2] >= 0.85 && found.breaches[3] >= 0.99, "{}", row(found));
    }
    assert_eq!(paired[0].blocks, [0.0; 4], "six pairs have no p below 0.01");
    assert!(paired[1..].iter().all(|found| found.blocks[3] >= 0.95), "blocks at +35 %");
    let [rounds, history, both, twice] = &shared;
    assert!(rounds.breaches[0] >= 0.10, "one stored run of a shared host alarms at nothing: {}", row(rounds));
    assert!(history.breaches[0] <= 0.09 && both.breaches[0] <= 0.08 && both.blocks[0] <= 0.02, "{}", row(both));
    assert!(twice.breaches[0] <= 0.02 && twice.breaches[3] >= 0.60, "{}", row(twice));
    for found in &quiet {
        assert!(found.breaches[0] <= 0.01 && found.breaches[3] >= 0.99, "{}", row(found));
    }
}
