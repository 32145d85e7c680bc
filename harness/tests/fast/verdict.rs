//! Judges changes: properties of all values, known values, and the way of a finding until it is published.
mod machines;
mod properties;
mod publishing;
mod sources;
mod stored;
mod weighing;

use harness::measure::metric::{Better, Kind, Unit};
use harness::verdict::evidence::Grounds;
use harness::verdict::gate::{Gate, Gates};
use harness::verdict::judgement::{Finding, FindingKind};
use harness::verdict::weigh::{Question, weigh};

/// Returns a question about a latency, with the defaults.
fn question() -> Question<'static> {
    about("latency/p50", Unit::Millis, Better::Lower)
}

fn about(id: &'static str, unit: Unit, direction: Better) -> Question<'static> {
    let gate: Gate = Gates::default().of(id, unit);
    Question { id, unit, direction, kind: Kind::Sampled, gate, advisory: None, caps: &[] }
}

fn paired(base: &[f64], head: &[f64]) -> Grounds {
    Grounds::Paired { base: base.to_vec(), head: head.to_vec() }
}

/// Returns the rounds of one stored run.
fn rounds(base: &[f64], head: &[f64]) -> Grounds {
    let middle = base[base.len() / 2];
    Grounds::Stored { base: base.to_vec(), history: vec![middle], head: head.to_vec() }
}

fn history(points: &[f64], head: &[f64]) -> Grounds {
    Grounds::Stored { base: Vec::new(), history: points.to_vec(), head: head.to_vec() }
}

fn times(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|value| value * factor).collect()
}

/// Ranks a finding by severity. Noise is beyond a threshold, but not significant, like ok.
fn badness(finding: &Finding) -> Option<usize> {
    Some(match finding.kind {
        FindingKind::Improved => 0,
        FindingKind::Ok | FindingKind::Noise => 1,
        FindingKind::Small => 2,
        FindingKind::Alert => 3,
        FindingKind::Block => 4,
        FindingKind::Inconclusive => return None,
    })
}

/// Ten rounds that scatter by some two percent around 2.
const ROUNDS: [f64; 10] = [2.01, 1.98, 2.03, 1.96, 2.00, 2.04, 1.97, 2.02, 1.99, 1.95];
