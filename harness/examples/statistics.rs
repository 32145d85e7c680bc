//! Answers questions to the statistics: one JSON object per line on standard input, one per line on standard output. A question is
//! `{"procedure": "welch", "a": [base], "b": [head]}`; some take `value`, `level`, `draws` or `seed` beside. An answer is what the
//! procedure returns, or `{"undefined": reason}`. `scripts/check-statistics` compares the answers with scipy's.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use harness_stats::{
    Estimate, Resampling, Sample, Undefined, benjamini_hochberg, bootstrap, differences, drift, hodges_lehmann,
    log_ratios, mann_whitney, order_effect, predict, ratio, shift, sign_flip, signed_rank, student, welch,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    procedure: String,
    /// The sample, or base.
    a: Vec<f64>,
    /// Head.
    #[serde(default)]
    b: Vec<f64>,
    /// A new value beside a history.
    #[serde(default)]
    value: f64,
    /// Of its one-sided limits.
    #[serde(default = "usual_level")]
    level: f64,
    /// Resamples.
    #[serde(default = "usual_draws")]
    draws: u32,
    #[serde(default)]
    seed: u64,
}

fn usual_level() -> f64 {
    0.95
}

fn usual_draws() -> u32 {
    2_000
}

fn main() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let at = || format!("line {} of standard input", number + 1);
        let question = serde_json::from_str(&line?).with_context(at)?;
        writeln!(out, "{}", answer(&question).with_context(at)?)?;
    }
    Ok(())
}

fn answer(question: &Question) -> Result<Value> {
    let a = Sample::new(question.a.clone())?;
    match question.procedure.as_str() {
        "median" => told(Ok(Estimate::median(&a))),
        "student" => told(student(&a)),
        "signed_rank" => told(Ok(signed_rank(&a))),
        "sign_flip" => told(Ok(sign_flip(&a))),
        "hodges_lehmann" => told(hodges_lehmann(&a)),
        "drift" => told(drift(&a)),
        "predict" => told(predict(&a, question.value, question.level)),
        "benjamini_hochberg" => told(benjamini_hochberg(&question.a)),
        "bootstrap_percentile" => told(resampled(&a, Resampling::Percentile, question)),
        "bootstrap_corrected" => told(resampled(&a, Resampling::Corrected, question)),
        _ => between(question, &a),
    }
}

/// Questions about two samples. For `order_effect`, `b` tells for each value whether the direct arm went first: 1 or 0.
fn between(question: &Question, a: &Sample) -> Result<Value> {
    let b = Sample::new(question.b.clone())?;
    match question.procedure.as_str() {
        "welch" => told(welch(a, &b)),
        "ratio" => told(ratio(a, &b)),
        "mann_whitney" => told(Ok(mann_whitney(a, &b))),
        "shift" => told(shift(a, &b)),
        "differences" => told(differences(a, &b).map(|sample| sample.values().to_vec())),
        "log_ratios" => told(log_ratios(a, &b).map(|sample| sample.values().to_vec())),
        "order_effect" => told(order_effect(a, &question.b.iter().map(|first| *first == 1.0).collect::<Vec<_>>())),
        other => bail!("no procedure is called {other}; they are listed in harness/examples/statistics.rs"),
    }
}

/// The bootstrap of the mean.
fn resampled(sample: &Sample, resampling: Resampling, question: &Question) -> Result<Estimate, Undefined> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    bootstrap(sample, mean, resampling, question.draws, question.seed)
}

fn told(found: Result<impl Serialize, Undefined>) -> Result<Value> {
    match found {
        Ok(found) => Ok(serde_json::to_value(found)?),
        Err(reason) => Ok(json!({ "undefined": reason.to_string() })),
    }
}
