//! Defines the metrics of the executable and the image.

use super::facts::Stage;
use crate::measure::facts::StageFacts;
use crate::measure::kind::StageKind;
use crate::measure::metric::bencher::{COUNT, FILE_SIZE};
use crate::measure::metric::fact::{Fact, FactKind, FactValue};
use crate::measure::metric::row::{Absent, Metric, Values, row};
use crate::measure::metric::unit::Unit::{Bytes, Count};
use crate::measure::record::StageRecord;
use harness_image::types::{Base, COMPRESSED, ImageFacts, LAYERS, MULTI_ARCH};

pub(crate) const METRICS: &[Metric] = &[
    row("binary/size", Bytes, StageKind::Artifact, &FILE_SIZE, "Size of the target's executable file.", binary_size).key()
        .req("M-BIN-001", 15e6)
        .exact(),
    row("binary/docker_image_compressed", Bytes, StageKind::Artifact, &FILE_SIZE, "Download size of the image for one platform: configuration and compressed layers. Estimated if layers are stored uncompressed.", image_compressed)
        .req("M-BIN-002", 10e6)
        .exact(),
    row("binary/docker_layers", Count, StageKind::Artifact, &COUNT, "Number of layers of the image; REQ-OBS-001 allows 5.", image_layers)
        .req("M-BIN-003", 6.0)
        .exact(),
];

pub(crate) const FACTS: &[Fact] = &[
    Fact {
        id: "binary/docker_base",
        req: "M-BIN-004",
        kind: FactKind::Text,
        stage: StageKind::Artifact,
        target: "scratch",
        about: "Base of the image: scratch, distroless, a name, or unknown. The record contains the evidence.",
        of: docker_base,
    },
    Fact {
        id: "binary/multi_arch",
        req: "M-BIN-005",
        kind: FactKind::Flag,
        stage: StageKind::Artifact,
        target: "true",
        about: "Whether the image exists for linux/amd64 and linux/arm64. Absent if its platforms are unknown.",
        of: multi_arch,
    },
];

/// Returns the facts of a stage; absent for one of another kind.
fn facts(stage: &StageRecord) -> Result<&Stage, Absent> {
    match &stage.facts {
        StageFacts::Artifact(facts) => Ok(facts),
        _ => Err(Absent("no artifact stage".to_owned())),
    }
}

fn image(stage: &StageRecord) -> Result<&ImageFacts, Absent> {
    let image = facts(stage)?.image.as_ref();
    image.ok_or_else(|| Absent("no image: name one with image in the artifact stage".to_owned()))
}

fn binary_size(stage: &StageRecord) -> Values {
    let facts = facts(stage)?;
    let why = match facts.image {
        Some(_) => "the program is inside the image",
        None => "builtin: the bundled program is part of the harness binary",
    };
    facts.size_bytes.map(|bytes| vec![bytes as f64]).ok_or_else(|| Absent(why.to_owned()))
}

fn image_compressed(stage: &StageRecord) -> Values {
    let image = image(stage)?;
    image.compressed_bytes.map(|count| vec![count.bytes as f64]).ok_or_else(|| Absent(image.why(COMPRESSED)))
}

fn image_layers(stage: &StageRecord) -> Values {
    let image = image(stage)?;
    image.layers.map(|layers| vec![layers as f64]).ok_or_else(|| Absent(image.why(LAYERS)))
}

fn docker_base(stage: &StageRecord) -> Result<FactValue, Absent> {
    let base: &Base = &image(stage)?.base;
    Ok(FactValue::Text(base.label().to_owned()))
}

fn multi_arch(stage: &StageRecord) -> Result<FactValue, Absent> {
    let image = image(stage)?;
    image.multi_arch.map(FactValue::Flag).ok_or_else(|| Absent(image.why(MULTI_ARCH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_a_file_of_its_own_has_no_size() {
        let stage = |size_bytes| {
            let facts = Stage { size_bytes, ..Stage::default() }.into();
            StageRecord { facts, ..StageRecord::default() }
        };
        assert!(binary_size(&stage(None)).is_err());
        assert_eq!(binary_size(&stage(Some(8_432_640))), Ok(vec![8_432_640.0]));
    }
}
