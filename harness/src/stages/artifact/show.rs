//! Shows the inspected files.

use crate::measure::facts::StageFacts;
use crate::measure::image::Method;
use crate::measure::record::StageRecord;
use crate::report::show::Show;

pub(crate) const SHOW: Show = Show { done, notes, ..Show::LAUNCHES };

fn done(stage: &StageRecord) -> String {
    match &stage.facts {
        StageFacts::Artifact(facts) if facts.image.is_some() => "the executable file and the image".to_owned(),
        _ => "the executable file".to_owned(),
    }
}

fn notes(stage: &StageRecord) -> Vec<String> {
    image_note(stage).into_iter().collect()
}

/// Describes the image.
fn image_note(stage: &StageRecord) -> Option<String> {
    let StageFacts::Artifact(facts) = &stage.facts else { return None };
    let image = facts.image.as_ref()?;
    let estimated = image.compressed_bytes.is_some_and(|count| count.method == Method::Estimated);
    let estimated = if estimated { "; the size is an estimate, its layers are stored uncompressed" } else { "" };
    let platform = image.platform.as_deref().unwrap_or("unknown platform");
    let base = image.base.label();
    Some(format!("{}: image for {platform}, base {base}: {}{estimated}", stage.name, image.evidence))
}
