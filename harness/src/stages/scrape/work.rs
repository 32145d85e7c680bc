//! Plans what is read of the targets of another stage.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::metric::Metric;
use crate::work::planned::StageWork;
use crate::work::reported::Described;
use harness_base::units::Nanos;

#[derive(Debug, Clone, PartialEq)]
pub struct Work(pub Described);

impl StageWork for Work {
    fn describe(&self) -> String {
        let reads: Vec<String> =
            self.0.reads.iter().map(|read| format!("{} as {}", read.asked.name, read.asked.metric)).collect();
        format!("reads {} over the rounds of {}", reads.join(", "), self.0.of)
    }

    fn duration(&self) -> Nanos {
        Nanos::ZERO
    }

    fn shorten(&mut self) {}

    fn wanted(&self) -> u64 {
        1
    }

    fn described(&self) -> Option<&Described> {
        Some(&self.0)
    }

    fn does_not_measure(&self, metric: &Metric) -> Option<(String, String)> {
        let asked = self.0.reads.iter().any(|read| read.asked.metric == metric.id);
        let hint = || format!("add \"{}\" to metrics of [scrape.NAME]", metric.id);
        (!asked).then(|| ("it is not among what is read".to_owned(), hint()))
    }

    fn facts(&self) -> StageFacts {
        Stage { of: self.0.of.clone(), asked: self.0.reads.iter().map(|read| read.asked.clone()).collect() }.into()
    }
}
