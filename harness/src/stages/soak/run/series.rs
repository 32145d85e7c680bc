//! Writes every window to a file when it ends.

use std::io;

use crate::run::recorder::Recorder;
use crate::run::whole_lines::WholeLines;
use crate::stages::soak::facts::{FILE, Instance, SoakWindow};
use crate::work::Stage;

/// Created with the first window.
#[derive(Default)]
pub(super) struct SeriesFile(Option<WholeLines>);

impl SeriesFile {
    /// Records a complete window, first in the file, so that a reader sees it while the soak continues.
    pub(super) fn record(&mut self, recorder: &mut Recorder, stage: &Stage, window: SoakWindow) {
        if let Err(error) = self.append(recorder, stage, &window) {
            recorder.not_written(error);
        }
        recorder.piece(super::INSTANCE, Instance { died_ns: None, windows: vec![window] });
    }

    fn append(&mut self, recorder: &Recorder, stage: &Stage, window: &SoakWindow) -> io::Result<()> {
        #[derive(serde::Serialize)]
        struct Row<'a> {
            stage: &'a str,
            window: &'a SoakWindow,
        }
        let mut row = serde_json::to_vec(&Row { stage: &stage.name, window }).map_err(io::Error::other)?;
        row.push(b'\n');
        if self.0.is_none() && recorder.writes() {
            self.0 = Some(WholeLines::create(&recorder.folder().join(FILE))?);
        }
        self.0.as_mut().map_or(Ok(()), |file| file.add(&row))
    }
}
