//! Values that other tools have measured.

use super::Absent;
use super::rows::Values;
use crate::measure::record::StageRecord;

pub(super) fn eval_p50(stage: &StageRecord) -> Values {
    imported(stage, "policy/eval_p50")
}

pub(super) fn eval_p99(stage: &StageRecord) -> Values {
    imported(stage, "policy/eval_p99")
}

pub(super) fn reload_time(stage: &StageRecord) -> Values {
    imported(stage, "policy/reload_time")
}

fn imported(stage: &StageRecord, id: &str) -> Values {
    let import = stage.imports.iter().find(|import| import.metric == id);
    let values = import.map(|import| import.values.clone()).filter(|values| !values.is_empty());
    values.ok_or_else(|| Absent("no benchmark is imported as it: name one in [import.criterion] names".to_owned()))
}
