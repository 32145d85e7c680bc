//! What a judgement hands on to the judging of another run: its breaches, and what a rerun showed.

use super::context::{Again, Breach, Confirmation};
use super::judgement::{Finding, Judgement};

impl Breach {
    /// What a judgement found to be an alert or a block by itself: `Context::previous` of the next run.
    pub fn all(judgement: &Judgement) -> Vec<Self> {
        let weighed = judgement.findings.iter().filter_map(|finding| Some((finding, finding.weighed.as_ref()?)));
        let breached = weighed.filter(|(_, weighed)| weighed.times > 0);
        breached.map(|(finding, weighed)| Self { id: finding.subject.clone(), times: weighed.times }).collect()
    }
}

impl Confirmation {
    /// What the judgement of a rerun shows; it was judged with the same gates and baseline as the first run.
    pub fn new(run_id: &str, judgement: &Judgement) -> Self {
        let again = |finding: &Finding| {
            let weighed = finding.weighed.as_ref()?;
            let (seen, guard) = (weighed.seen, weighed.guard);
            Some(Again { id: finding.subject.clone(), seen, effect: weighed.effect, p: weighed.p, guard })
        };
        Self { run_id: run_id.to_owned(), metrics: judgement.findings.iter().filter_map(again).collect() }
    }
}
