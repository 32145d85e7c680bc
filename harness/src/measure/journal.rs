//! Defines the journal of a run: one JSON line per event, appended immediately, so that the journal of a killed run is
//! still readable. Replaying it yields the record.

use harness_rig::host::Reference;
use serde::{Deserialize, Serialize};

use super::facts::InstanceFacts;
use super::reason::Warning;
use super::record::{InstanceRecord, Record, RoundRecord, RoundStatus, SCHEMA_VERSION, StageRecord, StageStatus};
use super::trial::TrialRecord;

/// Name of the journal in the folder of a run.
pub const FILE: &str = "journal.jsonl";

/// One line. A later line about the same stage, instance or round replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JournalLine {
    /// A run begins: its record as known so far, without stages.
    Run(Box<Record>),
    /// A stage as known so far, without instances: when it begins, and again when a fact is added.
    Stage(Box<StageRecord>),
    /// An instance: when it has started, and again when it has stopped. Its rounds and the pieces of its facts have
    /// lines of their own.
    Instance {
        stage: String,
        /// The instance as known so far, without rounds and pieces.
        instance: Box<InstanceRecord>,
    },
    /// A piece of the facts of an instance, for example a window of a soak.
    Piece { stage: String, instance: u32, facts: Box<InstanceFacts> },
    /// A trial that ended. Its round counts as incomplete until a later line gives its status.
    Trial {
        stage: String,
        instance: u32,
        /// Index of the round within the instance.
        round: u32,
        trial: Box<TrialRecord>,
    },
    Round {
        stage: String,
        instance: u32,
        /// Index of the round within the instance.
        index: u32,
        status: RoundStatus,
    },
    StageEnd {
        stage: String,
        status: StageStatus,
        /// Warnings about the numbers.
        warnings: Vec<Warning>,
    },
    /// The run ended or was interrupted. A journal without this line belongs to a run that was killed.
    End {
        /// Wall-clock length of the run in nanoseconds.
        took_ns: u64,
        /// The run was stopped by ctrl-c or SIGTERM.
        interrupted: bool,
        /// CPU time the sampler used ÷ the time it ran, as a share of one core.
        sampler_cost_ratio: Option<f64>,
        /// How fast the machine was at the end; absent if it was not measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The record as far as the journal goes. Without an end, it counts as interrupted.
    pub record: Record,
    /// Whether the journal has an end.
    pub complete: bool,
}

/// Errors when a journal is read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal is empty, because the run was stopped before the first entry")]
    Empty,
    /// A line other than the last one is damaged.
    #[error("line {number} of the journal is damaged: {cause}")]
    Damaged {
        /// From 1.
        number: usize,
        /// The mistake.
        cause: serde_json::Error,
    },
    /// A line refers to something that no earlier line declares.
    #[error("line {number} of the journal refers to {what}, which no earlier line declares")]
    Orphan {
        /// From 1.
        number: usize,
        what: String,
    },
    /// A newer harness wrote it.
    #[error("made by a newer harness: layout {found}, this one reads up to {SCHEMA_VERSION}; update this harness")]
    Newer { found: u64 },
    /// An older harness wrote it.
    #[error(
        "made by an older harness: layout {found}, this one reads {SCHEMA_VERSION}; read it with that harness, or measure again"
    )]
    Older { found: u64 },
}

impl JournalLine {
    /// Formats the line as in the file, including the newline.
    ///
    /// # Errors
    /// Returns an error if a histogram cannot be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|json| json + "\n")
    }

    /// Returns the line that begins a run.
    pub fn run(record: &Record) -> Self {
        Self::Run(Box::new(Record { stages: Vec::new(), ..record.clone() }))
    }

    /// Returns the line of a stage.
    pub fn stage(stage: &StageRecord) -> Self {
        Self::Stage(Box::new(StageRecord { instances: Vec::new(), ..stage.clone() }))
    }

    /// Returns the line of an instance.
    pub fn instance(stage: &str, instance: &InstanceRecord) -> Self {
        Self::Instance {
            stage: stage.to_owned(),
            instance: Box::new(InstanceRecord {
                facts: instance.facts.outline(),
                rounds: Vec::new(),
                ..instance.clone()
            }),
        }
    }

    /// Returns the line for a part of the facts of an instance.
    pub fn piece(stage: &str, instance: u32, facts: InstanceFacts) -> Self {
        Self::Piece { stage: stage.to_owned(), instance, facts: Box::new(facts) }
    }

    /// Returns the line that ends a stage.
    pub fn stage_end(stage: &StageRecord) -> Self {
        Self::StageEnd { stage: stage.name.clone(), status: stage.status.clone(), warnings: stage.warnings.clone() }
    }

    /// Returns the line that ends a run.
    pub fn end(record: &Record) -> Self {
        Self::End {
            took_ns: record.took_ns,
            interrupted: record.interrupted,
            sampler_cost_ratio: record.sampler_cost_ratio,
            reference: record.reference.and_then(|known| known.after),
        }
    }

    /// Converts a whole record into the lines that a run would have written.
    pub fn of_record(record: &Record) -> Vec<Self> {
        let mut lines = vec![Self::run(record)];
        for stage in &record.stages {
            lines.push(Self::stage(stage));
            for instance in &stage.instances {
                lines.push(Self::instance(&stage.name, instance));
                let pieces = instance.facts.pieces().into_iter();
                lines.extend(pieces.map(|facts| Self::piece(&stage.name, instance.index, facts)));
                lines.extend(instance.rounds.iter().flat_map(|round| of_round(&stage.name, instance.index, round)));
            }
            lines.push(Self::stage_end(stage));
        }
        lines.push(Self::end(record));
        lines
    }
}

fn of_round(stage: &str, instance: u32, round: &RoundRecord) -> Vec<JournalLine> {
    let trials = round.trials.iter().map(|trial| JournalLine::Trial {
        stage: stage.to_owned(),
        instance,
        round: round.index,
        trial: Box::new(trial.clone()),
    });
    let end = JournalLine::Round { stage: stage.to_owned(), instance, index: round.index, status: round.status };
    trials.chain([end]).collect()
}

/// Rebuilds a record from the bytes of a journal. A last line without a newline was truncated and is ignored; any other
/// unreadable line is an error.
///
/// # Errors
/// Returns an [`Error`] with the line number.
pub fn replay(bytes: &[u8]) -> Result<Replay, Error> {
    let mut replay: Option<Replay> = None;
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(whole) = line.strip_suffix(b"\n") else { break };
        if replay.is_none() {
            check_version(whole)?;
        }
        let line: JournalLine = serde_json::from_slice(whole).map_err(|cause| Error::Damaged { number, cause })?;
        match (&mut replay, line) {
            (None, JournalLine::Run(record)) => {
                replay = Some(Replay { record: Record { interrupted: true, ..*record }, complete: false });
            }
            (None, _) => return Err(Error::Orphan { number, what: "a run".to_owned() }),
            (Some(replay), line) => {
                replay.add(line).map_err(|Unknown(what)| Error::Orphan { number, what })?;
            }
        }
    }
    replay.ok_or(Error::Empty)
}

/// Checks the version in the first line of a run before anything else, so that an unknown field of a newer harness is
/// not reported as damage.
fn check_version(line: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Line {
        run: Run,
    }
    #[derive(Deserialize)]
    struct Run {
        schema_version: u64,
    }
    let known = u64::from(SCHEMA_VERSION);
    match serde_json::from_slice::<Line>(line) {
        Ok(Line { run: Run { schema_version: found } }) if found > known => Err(Error::Newer { found }),
        Ok(Line { run: Run { schema_version: found } }) if found < known => Err(Error::Older { found }),
        _ => Ok(()),
    }
}

/// What a line referred to although no earlier line declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(String);

impl Replay {
    /// Applies a line.
    ///
    /// # Errors
    /// Returns [`Unknown`] if it refers to something that no earlier line declares.
    pub fn add(&mut self, line: JournalLine) -> Result<(), Unknown> {
        match line {
            JournalLine::Run(_) => return Err(Unknown("a second run".to_owned())),
            JournalLine::Stage(stage) => self.put_stage(*stage),
            JournalLine::Instance { stage, instance } => {
                let stage = self.stage(&stage)?;
                match stage.instances.iter_mut().find(|known| known.index == instance.index) {
                    Some(known) => {
                        let (pieces, rounds) = (known.facts.pieces(), std::mem::take(&mut known.rounds));
                        *known = InstanceRecord { rounds, ..*instance };
                        pieces.into_iter().for_each(|piece| known.facts.add(piece));
                    }
                    None => stage.instances.push(*instance),
                }
            }
            JournalLine::Piece { stage, instance, facts } => self.instance(&stage, instance)?.facts.add(*facts),
            JournalLine::Trial { stage, instance, round, trial } => {
                self.round(&stage, instance, round)?.trials.push(*trial);
            }
            JournalLine::Round { stage, instance, index, status } => {
                self.round(&stage, instance, index)?.status = status
            }
            JournalLine::StageEnd { stage, status, warnings } => {
                let stage = self.stage(&stage)?;
                (stage.status, stage.warnings) = (status, warnings);
            }
            JournalLine::End { took_ns, interrupted, sampler_cost_ratio, reference } => {
                self.complete = true;
                if let Some(known) = &mut self.record.reference {
                    known.after = reference;
                }
                self.record = Record { took_ns, interrupted, sampler_cost_ratio, ..std::mem::take(&mut self.record) };
            }
        }
        Ok(())
    }

    fn put_stage(&mut self, stage: StageRecord) {
        match self.record.stages.iter_mut().find(|known| known.name == stage.name) {
            Some(known) => *known = StageRecord { instances: std::mem::take(&mut known.instances), ..stage },
            None => self.record.stages.push(stage),
        }
    }

    fn stage(&mut self, name: &str) -> Result<&mut StageRecord, Unknown> {
        let known = self.record.stages.iter_mut().find(|stage| stage.name == name);
        known.ok_or_else(|| Unknown(format!("stage {name}")))
    }

    fn instance(&mut self, stage: &str, index: u32) -> Result<&mut InstanceRecord, Unknown> {
        let instances = &mut self.stage(stage)?.instances;
        let known = instances.iter_mut().find(|known| known.index == index);
        known.ok_or_else(|| Unknown(format!("instance {index} of stage {stage}")))
    }

    fn round(&mut self, stage: &str, instance: u32, index: u32) -> Result<&mut RoundRecord, Unknown> {
        let rounds = &mut self.instance(stage, instance)?.rounds;
        let place = rounds.iter().position(|round| round.index == index).unwrap_or_else(|| {
            rounds.push(RoundRecord { index, status: RoundStatus::Incomplete, trials: Vec::new() });
            rounds.len() - 1
        });
        Ok(&mut rounds[place])
    }
}
