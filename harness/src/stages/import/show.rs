//! Shows which benchmarks were read.

use super::metrics::imports;
use crate::measure::record::StageRecord;
use crate::report::show::Show;

pub(crate) const SHOW: Show = Show { done, ..Show::LAUNCHES };

/// Lists the benchmarks that were read, and their age.
fn done(stage: &StageRecord) -> String {
    let mut benches: Vec<String> =
        imports(stage).iter().map(|import| format!("{} of {}", import.bench, import.written_at)).collect();
    benches.dedup();
    if benches.is_empty() { "nothing was read".to_owned() } else { format!("read {}", benches.join(", ")) }
}
