//! Reads what Criterion has measured.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::facts::{self, Import};
use super::metrics;
use super::work::Work;
use crate::interop::{Error, budget, criterion};
use crate::measure::metric::Unit;
use crate::measure::numbers::quantile;
use crate::run::halt::Halt;
use crate::run::rig::Rig;
use crate::work::Stage;
use harness_base::clock;
use harness_base::units::{Nanos, hexadecimal};
use harness_base::words::nearest;

/// Samples below which a quantile of 0.99 is almost their maximum.
const SAMPLES_OF_A_TAIL: u64 = 100;

/// Reads the benchmarks.
///
/// # Errors
/// Returns [`Halt::Failed`] if the directory or a benchmark is missing, outdated or malformed.
#[allow(clippy::unused_async, reason = "every kind is awaited")]
pub(crate) async fn run(rig: &mut Rig<'_>, _stage: &Stage, work: &Work) -> Result<(), Halt> {
    let found = work.collect(&rig.plan.folder).map_err(|error| Halt::failed(error.exit(), &error))?;
    rig.recorder.stage_facts(facts::Stage { imports: found });
    Ok(())
}

impl Work {
    /// Reads the benchmarks; `folder` is that of the scenario.
    ///
    /// # Errors
    /// Returns an [`Error`] if the directory or a benchmark is missing, outdated or malformed.
    fn collect(&self, folder: &Path) -> Result<Vec<Import>, Error> {
        let root = folder.join(&self.dir);
        let benches = criterion::by_id(&root)?;
        self.names.iter().map(|(id, metric)| self.import(&root, &benches, id, metric)).collect()
    }

    fn import(
        &self,
        root: &Path,
        benches: &[(String, PathBuf)],
        id: &str,
        metric: &'static str,
    ) -> Result<Import, Error> {
        let Some((_, path)) = benches.iter().find(|(known, _)| known == id) else {
            let known: Vec<&str> = benches.iter().map(|(known, _)| known.as_str()).collect();
            let near = nearest(id, known.iter().copied())
                .map_or_else(|| format!("it has {}", known.join(", ")), |near| format!("did you mean {near}?"));
            return Err(Error::NoBench { path: root.to_owned(), bench: id.to_owned(), near });
        };
        let file = path.join("new").join(criterion::SAMPLE);
        let written = self.fresh(&file, id)?;
        let sample = criterion::sample(path)?;
        if let Some(budget::Found { label, p50, p95, budget_ms }) = budget::find(&[sample.entry(id)]) {
            return Err(Error::Budget { path: file, label, p50, p95, budget_ms });
        }
        let unit = metrics::METRICS.iter().find(|row| row.id == metric).map_or(Unit::Micros, |row| row.unit);
        let per_unit = if unit == Unit::Millis { 1e6 } else { 1e3 };
        let tail = metric.ends_with("_p99");
        let in_unit = |nanos: &f64| nanos / per_unit;
        let values = if tail {
            vec![quantile(&sample.sorted(), 0.99) / per_unit]
        } else {
            sample.times.iter().map(in_unit).collect()
        };
        let source = file.strip_prefix(folder_of(root, &self.dir)).unwrap_or(&file).display().to_string();
        let samples = sample.times.len() as u64;
        Ok(Import {
            metric: metric.to_owned(),
            bench: id.to_owned(),
            source,
            sha256: hexadecimal(&Sha256::digest(sample.text.as_bytes())),
            written_at: clock::rfc3339(written),
            samples,
            iterations: sample.iterations,
            values,
            advisory: if tail { advisory(samples, sample.iterations) } else { None },
        })
    }

    /// Returns when the file was written, in seconds since 1970, if it is recent enough.
    fn fresh(&self, file: &Path, bench: &str) -> Result<u64, Error> {
        let unreadable = |cause| Error::Unreadable { path: file.to_owned(), cause };
        let written = std::fs::metadata(file).and_then(|file| file.modified()).map_err(unreadable)?;
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        if age > self.max_age.duration() {
            let age = Nanos::from_secs(age.as_secs());
            return Err(Error::Stale { path: file.to_owned(), bench: bench.to_owned(), age, max_age: self.max_age });
        }
        Ok(written.duration_since(UNIX_EPOCH).map_or(0, |span| span.as_secs()))
    }
}

/// Returns the part before the directory as written, because a record contains the path of the scenario's author, not
/// that of this machine.
fn folder_of<'a>(root: &'a Path, dir: &Path) -> &'a Path {
    root.ancestors().nth(dir.components().count()).unwrap_or(root)
}

/// Returns why a quantile of 0.99 must not gate, usually because each sample is a mean that hides the slowest
/// iterations.
fn advisory(samples: u64, iterations: u64) -> Option<String> {
    if samples < SAMPLES_OF_A_TAIL {
        return Some(format!("{samples} samples, {SAMPLES_OF_A_TAIL} needed for a quantile of 0.99"));
    }
    (iterations > 1)
        .then(|| format!("each sample is the mean of up to {iterations} iterations, which hides the slowest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_of_few_or_of_mean_samples_does_not_gate() {
        assert!(advisory(99, 1).unwrap().starts_with("99 samples, 100 needed"));
        assert!(advisory(100, 2).unwrap().contains("the mean of up to 2 iterations"));
        assert_eq!(advisory(100, 1), None);
    }
}
