//! Runs the statistics on samples from standard input: one JSON object per line, and one answer per line on standard output. A
//! question is `{"procedure": "shift", "a": [base], "b": [head]}`; some procedures also take `value` and `level`. An answer is the
//! procedure's result, or `{"undefined": reason}`. `scripts/check-statistics` compares the answers with those of scipy.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use harness_stats::{
    Estimate, Sample, Undefined, benjamini_hochberg, differences, drift, log_ratios, mann_whitney, order_effect,
    predict, shift,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// The level of its one-sided limits.
    #[serde(default = "usual_level")]
    level: f64,
}

fn usual_level() -> f64 {
    0.95
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
        "median" => encoded(Ok(Estimate::median(&a))),
        "drift" => encoded(drift(&a)),
        "predict" => encoded(predict(&a, question.value, question.level)),
        "benjamini_hochberg" => encoded(benjamini_hochberg(&question.a)),
        _ => between(question, &a),
    }
}

/// Answers questions about two samples. For `order_effect`, `b` is 1 for each value whose round began with the direct arm, else 0.
fn between(question: &Question, a: &Sample) -> Result<Value> {
    let b = Sample::new(question.b.clone())?;
    match question.procedure.as_str() {
        "mann_whitney" => encoded(Ok(mann_whitney(a, &b))),
        "shift" => encoded(shift(a, &b)),
        "differences" => encoded(differences(a, &b).map(|sample| sample.values().to_vec())),
        "log_ratios" => encoded(log_ratios(a, &b).map(|sample| sample.values().to_vec())),
        "order_effect" => encoded(order_effect(a, &question.b.iter().map(|first| *first == 1.0).collect::<Vec<_>>())),
        other => bail!("no procedure is called {other}; they are listed in harness/examples/statistics.rs"),
    }
}

fn encoded(found: Result<impl Serialize, Undefined>) -> Result<Value> {
    match found {
        Ok(found) => Ok(serde_json::to_value(found)?),
        Err(reason) => Ok(json!({ "undefined": reason.to_string() })),
    }
}
