//! Extracts from a judgement what the judging of another run needs: its breaches, and the result of a rerun.

use super::context::{Again, Breach, Confirmation};
use super::judgement::{Finding, Judgement};

impl Breach {
    /// Returns all alerts and blocks of a judgement: `Context::previous` of the next run.
    pub fn all(judgement: &Judgement) -> Vec<Self> {
        let weighed = judgement.findings.iter().filter_map(|finding| Some((finding, finding.weighed.as_ref()?)));
        let breached = weighed.filter(|(_, weighed)| weighed.times > 0);
        breached.map(|(finding, weighed)| Self { id: finding.subject.clone(), times: weighed.times }).collect()
    }
}

impl Confirmation {
    /// Extracts the findings of a rerun, which was judged with the same gates and baseline as the first run.
    pub fn new(run_id: &str, judgement: &Judgement) -> Self {
        let again = |finding: &Finding| {
            let weighed = finding.weighed.as_ref()?;
            let (seen, guard) = (weighed.seen, weighed.guard);
            Some(Again { id: finding.subject.clone(), seen, effect: weighed.effect, p: weighed.p, guard })
        };
        Self { run_id: run_id.to_owned(), metrics: judgement.findings.iter().filter_map(again).collect() }
    }
}
