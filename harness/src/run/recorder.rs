//! Records events: appends them to the journal line by line, and applies the same lines to the record in memory.
//! Replaying the journal therefore yields the same record.

use std::io;
use std::path::{Path, PathBuf};

use super::nodes_file::NodesFile;
use super::whole_lines::WholeLines;
use crate::measure::disturber::Disturber;
use crate::measure::group::ResourceLimits;
use crate::measure::journal::{self, JournalLine, Replay};
use crate::measure::node_line::NodeLine;
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{Check, Failure, Warning};
use crate::measure::{
    InstanceFacts, InstanceRecord, LaunchRecord, Reading, Record, Reference, RoundStatus, Series, StageFacts,
    StageRecord, StageStatus,
};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The recorder of one run.
#[derive(Debug)]
pub(crate) struct Recorder {
    replay: Replay,
    journal: WholeLines,
    folder: PathBuf,
    begun: Mono,
    stage: StageRecord,
    stage_begun: Mono,
    /// Cells that wait for their next turn, and those that have ended.
    waiting: Vec<(StageRecord, Mono)>,
    /// The running instances: one, or one of each build.
    open: Vec<InstanceRecord>,
    sampler_cpu: Nanos,
    sampler_ran: Nanos,
    /// The first line that could not be written, for a warning at the end.
    unwritten: Option<io::Error>,
    nodes: NodesFile,
}

impl Recorder {
    /// Creates the journal in `folder` with the header of the run.
    ///
    /// # Errors
    /// Returns an error if the journal or its first line cannot be written.
    pub(crate) fn begin(folder: &Path, header: Record) -> io::Result<Self> {
        let mut recorder = Self {
            journal: WholeLines::create(&folder.join(journal::FILE))?,
            folder: folder.to_owned(),
            begun: Mono::now(),
            stage: StageRecord::default(),
            stage_begun: Mono::now(),
            waiting: Vec::new(),
            open: Vec::new(),
            sampler_cpu: Nanos::ZERO,
            sampler_ran: Nanos::ZERO,
            unwritten: None,
            nodes: NodesFile::default(),
            replay: Replay { record: header.clone(), complete: false },
        };
        recorder.write(&JournalLine::run(&header));
        match recorder.unwritten.take() {
            Some(cause) => Err(cause),
            None => Ok(recorder),
        }
    }

    pub(crate) fn stage_begun(&mut self, stage: StageRecord) {
        self.push(JournalLine::stage(&stage));
        let before = std::mem::replace(&mut self.stage, stage);
        if before.cell.is_some() {
            self.waiting.push((before, self.stage_begun));
        }
        self.stage_begun = Mono::now();
        self.open.clear();
    }

    /// Continues with a cell that has begun.
    pub(crate) fn stage_resumed(&mut self, name: &str) {
        if let Some(place) = self.waiting.iter().position(|(stage, _)| stage.name == name) {
            let (stage, begun) = self.waiting.swap_remove(place);
            let before = (std::mem::replace(&mut self.stage, stage), std::mem::replace(&mut self.stage_begun, begun));
            self.waiting.push(before);
        }
    }

    /// Returns when the present stage began.
    pub(crate) const fn stage_begun_at(&self) -> Mono {
        self.stage_begun
    }

    /// Returns the processes that disturbed the present stage.
    pub(crate) fn disturbers(&self) -> &[Disturber] {
        &self.stage.disturbers
    }

    /// Records a process that disturbed the present stage.
    pub(crate) fn disturbed_by(&mut self, found: Option<Disturber>) {
        if let Some(found) = found {
            self.stage_fact(|stage| stage.disturbers.push(found));
        }
    }

    /// Records the facts that only stages of this kind have.
    pub(crate) fn stage_facts(&mut self, facts: impl Into<StageFacts>) {
        let facts = facts.into();
        self.stage_fact(|stage| stage.facts = facts);
    }

    /// Records facts of the present stage.
    pub(crate) fn stage_fact(&mut self, add: impl FnOnce(&mut StageRecord)) {
        add(&mut self.stage);
        self.push(JournalLine::stage(&self.stage));
    }

    /// Returns the stage as recorded so far, including instances.
    pub(crate) fn present_stage(&self) -> Option<&StageRecord> {
        self.stage_named(&self.stage.name)
    }

    /// Returns a stage as recorded so far; `None` if it has not begun.
    pub(crate) fn stage_named(&self, name: &str) -> Option<&StageRecord> {
        self.replay.record.stages.iter().find(|stage| stage.name == name)
    }

    /// Returns an instance of the present stage as recorded so far, including rounds.
    pub(crate) fn instance(&self, index: u32) -> Option<&InstanceRecord> {
        self.present_stage()?.instances.iter().find(|instance| instance.index == index)
    }

    /// Returns the folder of the files of the run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the program of a build as the scenario names it, with placeholders filled in.
    pub(crate) fn program(&self, build: Build) -> &str {
        let facts = self.replay.record.targets.iter().find(|facts| facts.build == build);
        facts.map_or("", |facts| &facts.program)
    }

    pub(crate) fn stage_ended(&mut self, status: StageStatus) {
        self.stage.status = status;
        self.push(JournalLine::stage_end(&self.stage));
    }

    /// Replaces the status of the last stage, unless the run was interrupted, because the harness itself failed.
    ///
    /// # Errors
    /// Returns the failure if there is no stage.
    pub(crate) fn stage_failed(&mut self, failure: Failure) -> Result<(), super::Error> {
        if self.stage.name.is_empty() {
            return Err(super::Error::NoStage(Box::new(failure)));
        }
        self.stage_ended(StageStatus::Failed(failure));
        Ok(())
    }

    /// Records a warning for this stage, without duplicates.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if !self.stage.warnings.contains(&warning) {
            self.stage.warnings.push(warning);
        }
    }

    /// Records that an instance has started. Several may run at the same time.
    pub(crate) fn instance_begun(&mut self, index: u32, build: Build, launch: LaunchRecord, limits: ResourceLimits) {
        let instance = InstanceRecord { launch, build, ..self.unknown(index, limits) };
        self.push(JournalLine::instance(&self.stage.name, &instance));
        self.open.push(instance);
    }

    /// Records the failure of an instance, for example within limits that are too small; it may not even have started.
    pub(crate) fn came_to(&mut self, index: u32, limits: ResourceLimits, facts: impl Into<InstanceFacts>) {
        let known = self.instance(index).cloned().unwrap_or_else(|| self.unknown(index, limits));
        self.push(JournalLine::instance(&self.stage.name, &InstanceRecord { facts: facts.into(), ..known }));
    }

    /// Records why the values of an instance that has ended do not count.
    pub(crate) fn left_out(&mut self, index: u32, found: &[Check]) {
        if let Some(known) = self.instance(index).cloned() {
            let instance = InstanceRecord { left_out: found.to_vec(), ..known };
            self.push(JournalLine::instance(&self.stage.name, &instance));
        }
    }

    /// Records the readings of an instance until it ended by itself.
    pub(crate) fn last_readings(&mut self, index: u32, readings: Series<Reading>) {
        if let Some(instance) = self.opened(index) {
            instance.last = Some(readings).filter(|readings| !readings.0.is_empty());
        }
    }

    /// Records facts that only instances of such a stage have.
    pub(crate) fn instance_facts(&mut self, index: u32, facts: impl Into<InstanceFacts>) {
        if let Some(instance) = self.opened(index) {
            instance.facts = facts.into();
        }
    }

    pub(crate) fn instance_ended(&mut self, index: u32, launch: LaunchRecord) {
        if let Some(place) = self.open.iter().position(|instance| instance.index == index) {
            let known = self.open.swap_remove(place);
            self.push(JournalLine::instance(&self.stage.name, &InstanceRecord { launch, ..known }));
        }
    }

    /// Records a part of the facts of an instance.
    pub(crate) fn piece(&mut self, instance: u32, facts: impl Into<InstanceFacts>) {
        self.push(JournalLine::piece(&self.stage.name.clone(), instance, facts.into()));
    }

    /// Returns whether everything could be written so far.
    pub(crate) const fn writes(&self) -> bool {
        self.unwritten.is_none()
    }

    /// Notes a file other than the journal that could not be written; a warning at the end reports it.
    pub(crate) fn not_written(&mut self, cause: io::Error) {
        self.unwritten.get_or_insert(cause);
    }

    /// Records a trial. What the nodes of a fleet reported of it goes to a file of its own.
    pub(crate) fn trial(&mut self, instance: u32, round: u32, mut trial: TrialRecord) {
        let stage = self.stage.name.clone();
        let (build, arm) = (trial.build, trial.arm);
        for node in std::mem::take(&mut trial.load.nodes) {
            self.nodes.add(&self.folder, &NodeLine { stage: stage.clone(), instance, round, build, arm, node });
        }
        self.push(JournalLine::Trial { stage, instance, round, trial: Box::new(trial) });
    }

    /// Records a round of an instance.
    pub(crate) fn round(&mut self, instance: u32, index: u32, status: RoundStatus) {
        let stage = self.stage.name.clone();
        self.push(JournalLine::Round { stage, instance, index, status });
    }

    fn opened(&mut self, index: u32) -> Option<&mut InstanceRecord> {
        self.open.iter_mut().find(|instance| instance.index == index)
    }

    /// Records the cost of the sampler of an instance.
    pub(crate) fn sampler(&mut self, cpu: Nanos, ran: Nanos) {
        self.sampler_cpu = self.sampler_cpu.plus(cpu);
        self.sampler_ran = self.sampler_ran.plus(ran);
    }

    /// Ends the run and returns its record. `reference` is the speed of the machine after the stages.
    pub(crate) fn end(mut self, interrupted: bool, reference: Option<Reference>) -> Record {
        if let Some(cause) = self.unwritten.take().or(self.nodes.take_unwritten()) {
            self.warn(Warning::JournalIncomplete {
                folder: self.folder.display().to_string(),
                cause: cause.to_string(),
            });
            self.push(JournalLine::stage_end(&self.stage.clone()));
        }
        let ran = self.sampler_ran.0;
        let cost = (ran > 0).then(|| self.sampler_cpu.0 as f64 / ran as f64);
        self.push(JournalLine::End {
            took_ns: Mono::now().since(self.begun).0,
            interrupted,
            sampler_cost_ratio: cost,
            reference,
        });
        self.replay.record
    }

    fn push(&mut self, line: JournalLine) {
        self.write(&line);
        // Cannot fail: every line refers to the present stage and an instance that an earlier line declared.
        let _ = self.replay.add(line);
    }

    /// Writes a line. On a full disk nothing measured is lost: the record in memory continues without the journal.
    fn write(&mut self, line: &JournalLine) {
        let json = line.to_json().map_err(io::Error::other);
        if let Err(error) = json.and_then(|json| self.journal.add(json.as_bytes())) {
            self.unwritten.get_or_insert(error);
        }
    }

    /// Creates the record of an instance about which nothing is known yet.
    fn unknown(&self, index: u32, limits: ResourceLimits) -> InstanceRecord {
        let limits = Some(limits).filter(|limits| !limits.is_empty());
        let facts = InstanceFacts::new(self.stage.kind());
        InstanceRecord { index, build: Build::Head, limits, facts, ..InstanceRecord::default() }
    }
}
