//! Writes down what becomes known: into the journal, line by line, and by the same lines into the record in memory. There
//! is one way to a record, so a journal that is read again gives the same one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::clock::Mono;
use crate::measure::curve::GaveUp;
use crate::measure::group::ResourceLimits;
use crate::measure::journal::{self, Line, Replay};
use crate::measure::trial::{Build, TrialRecord};
use crate::measure::{InstanceRecord, LaunchRecord, Reading, Record, RoundStatus, Series, StageRecord, StageStatus};
use crate::units::Nanos;

/// The recorder of one run.
#[derive(Debug)]
pub(super) struct Recorder {
    replay: Replay,
    journal: File,
    begun: Mono,
    stage: StageRecord,
    instance: InstanceRecord,
    sampler_cpu: Nanos,
    sampler_ran: Nanos,
    /// The first line that could not be written, for a warning at the end.
    trouble: Option<String>,
}

impl Recorder {
    /// Begins the journal in `folder` with the run's header.
    ///
    /// # Errors
    /// When the journal cannot be created.
    pub(super) fn begin(folder: &Path, header: Record) -> io::Result<Self> {
        let mut recorder = Self {
            journal: File::create_new(folder.join(journal::FILE))?,
            begun: Mono::now(),
            stage: StageRecord::default(),
            instance: InstanceRecord::default(),
            sampler_cpu: Nanos::ZERO,
            sampler_ran: Nanos::ZERO,
            trouble: None,
            replay: Replay { record: header.clone(), complete: false },
        };
        recorder.write(&Line::run(&header));
        Ok(recorder)
    }

    /// A stage begins.
    pub(super) fn stage_begun(&mut self, stage: StageRecord) {
        self.push(Line::stage(&stage));
        self.stage = stage;
    }

    /// Facts of the present stage have become known.
    pub(super) fn stage_fact(&mut self, add: impl FnOnce(&mut StageRecord)) {
        add(&mut self.stage);
        self.push(Line::stage(&self.stage));
    }

    /// The stage as recorded so far, instances included.
    pub(super) fn present_stage(&self) -> Option<&StageRecord> {
        self.replay.record.stages.last()
    }

    /// The present instance as recorded so far, rounds included.
    pub(super) fn present_instance(&self) -> Option<&InstanceRecord> {
        self.present_stage()?.instances.iter().find(|instance| instance.index == self.instance.index)
    }

    /// A stage is over.
    pub(super) fn stage_ended(&mut self, status: StageStatus) {
        self.stage.status = status;
        self.push(Line::stage_end(&self.stage));
    }

    /// What a reader must know beside the numbers of this stage; told once.
    pub(super) fn warn(&mut self, warning: String) {
        if !self.stage.warnings.contains(&warning) {
            self.stage.warnings.push(warning);
        }
    }

    /// An instance is up.
    pub(super) fn instance_begun(&mut self, index: u64, launch: LaunchRecord, limits: ResourceLimits) {
        self.instance = InstanceRecord { launch, ..instance(index, limits) };
        self.push(Line::instance(&self.stage.name, &self.instance));
    }

    /// An instance of stage `limits` went no further; it may not even have come up.
    pub(super) fn gave_up(&mut self, index: u64, limits: ResourceLimits, why: GaveUp) {
        let new = instance(index, limits);
        let came_up =
            self.present_stage().is_some_and(|stage| stage.instances.iter().any(|known| known.index == new.index));
        if !came_up {
            self.instance = new;
        }
        self.instance.gave_up = Some(why);
        self.push(Line::instance(&self.stage.name, &self.instance));
    }

    /// What was seen of the present instance until it ended by itself.
    pub(super) fn last_readings(&mut self, readings: Series<Reading>) {
        self.instance.last = Some(readings).filter(|readings| !readings.0.is_empty());
    }

    /// What the idle window of the present instance showed.
    pub(super) fn idle(&mut self, readings: Series<Reading>) {
        self.instance.idle = Some(readings);
    }

    /// The present instance has stopped.
    pub(super) fn instance_ended(&mut self, launch: LaunchRecord) {
        self.instance.launch = launch;
        self.push(Line::instance(&self.stage.name, &self.instance));
    }

    /// A trial has ended.
    pub(super) fn trial(&mut self, round: u32, trial: TrialRecord) {
        let (stage, instance) = (self.stage.name.clone(), self.instance.index);
        self.push(Line::Trial { stage, instance, round, trial: Box::new(trial) });
    }

    /// A round has ended.
    pub(super) fn round(&mut self, index: u32, status: RoundStatus) {
        let (stage, instance) = (self.stage.name.clone(), self.instance.index);
        self.push(Line::Round { stage, instance, index, status });
    }

    /// The sampler of an instance has stopped.
    pub(super) fn sampler(&mut self, cpu: Nanos, ran: Nanos) {
        self.sampler_cpu = self.sampler_cpu.plus(cpu);
        self.sampler_ran = self.sampler_ran.plus(ran);
    }

    /// The run is over; its record.
    pub(super) fn end(mut self, interrupted: bool) -> Record {
        if let Some(trouble) = self.trouble.take() {
            self.warn(format!("the journal is incomplete: {trouble}; the record itself is complete"));
            self.push(Line::stage_end(&self.stage.clone()));
        }
        let ran = self.sampler_ran.0;
        let cost = (ran > 0).then(|| self.sampler_cpu.0 as f64 / ran as f64);
        self.push(Line::End {
            took_ns: Mono::now().since(self.begun).0,
            interrupted,
            failure: None,
            sampler_cost_ratio: cost,
        });
        self.replay.record
    }

    fn push(&mut self, line: Line) {
        self.write(&line);
        // Cannot fail: every line speaks of the present stage and instance, which came before it.
        let _ = self.replay.add(line);
    }

    /// Nothing measured is lost to a full disk: the record in memory goes on without the journal.
    fn write(&mut self, line: &Line) {
        let json = line.to_json().map_err(io::Error::other);
        if let Err(error) = json.and_then(|json| self.journal.write_all(json.as_bytes())) {
            self.trouble.get_or_insert_with(|| error.to_string());
        }
    }
}

/// An instance of which nothing is known yet.
fn instance(index: u64, limits: ResourceLimits) -> InstanceRecord {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let limits = Some(limits).filter(|limits| !limits.is_empty());
    InstanceRecord { index, build: Build::Head, limits, ..InstanceRecord::default() }
}
