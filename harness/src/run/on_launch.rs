//! Reads what a target reports once after its launch: a gauge, or a time in a line of its log.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use regex::bytes::Regex;

use super::bench::Bench;
use super::halt::Halt;
use super::rig::Rig;
use super::scrape;
use crate::work::Stage;
use crate::work::reported::{Line, OnLaunch};
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// How much of a log is searched, in bytes.
const LONGEST_LOG: u64 = 1 << 20;
/// The longest line that is searched, in bytes.
const LONGEST_LINE: usize = 4 << 10;
/// How long a line is waited for: the keeper copies what a target prints while it does other things.
const PATIENCE: Nanos = Nanos::from_secs(1);
/// The pause between two looks at a log.
const PAUSE: Duration = Duration::from_millis(10);

/// Reads the value in milliseconds, or why there is none; `None` if the stage reads nothing after a launch.
///
/// # Errors
/// Returns [`Halt::Failed`] if the target ended, or [`Halt::Interrupted`].
pub(crate) async fn read(rig: &Rig<'_>, stage: &Stage, bench: &Bench) -> Result<Option<Result<f64, String>>, Halt> {
    match &stage.reports.on_launch {
        None => Ok(None),
        Some(OnLaunch::Gauge(read)) => scrape::gauge(rig, bench, read).await.map(Some),
        Some(OnLaunch::Line(line)) => bench.during(&rig.interrupt, awaited(line, bench.log())).await.map(Some),
    }
}

/// Waits until a line of the log has the number.
async fn awaited(line: &Line, log: Option<&Path>) -> Result<f64, String> {
    let log = log.ok_or("harness did not start the target, so it does not have its log")?;
    let regex = Regex::new(&line.pattern).map_err(|error| error.to_string())?;
    let until = Mono::now().after(PATIENCE);
    loop {
        let found = beginning(log).ok().and_then(|text| number(&regex, &line.group, &text));
        match found {
            Some(number) => return number.map(|number| number * line.factor),
            None if Mono::now() >= until => {
                return Err(format!("no line of the target's log matches {:?}", line.pattern));
            }
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn beginning(log: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(log)?.take(LONGEST_LOG).read_to_end(&mut text)?;
    Ok(text)
}

/// Returns the number in the first whole line that matches; `None` without such a line.
fn number(regex: &Regex, group: &str, text: &[u8]) -> Option<Result<f64, String>> {
    let whole = text.iter().rposition(|byte| *byte == b'\n')?;
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| line.len() <= LONGEST_LINE);
    let found = lines.filter_map(|line| regex.captures(line)?.name(group)).next()?;
    let written = String::from_utf8_lossy(found.as_bytes()).into_owned();
    let parsed = written.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    Some(parsed.ok_or_else(|| format!("{written:?} in the target's log is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Result<f64, String>> {
        let regex = Regex::new(r"loaded in (?P<ms>\S+) ms").unwrap();
        number(&regex, "ms", text.as_bytes())
    }

    #[test]
    fn the_first_whole_line_that_matches_has_the_number() {
        assert_eq!(read("starting\nloaded in 12.5 ms\nloaded in 9 ms\n"), Some(Ok(12.5)));
        assert_eq!(read("starting\nloaded in 12.5 ms"), None, "it may go on");
        assert_eq!(read(""), None);
        assert!(read("loaded in two ms\n").unwrap().unwrap_err().contains("\"two\""));
        assert!(read("loaded in inf ms\n").unwrap().is_err() && read("loaded in -1 ms\n").unwrap().is_err());
        let long = format!("{} loaded in 1 ms\nloaded in 2 ms\n", "x".repeat(LONGEST_LINE));
        assert_eq!(read(&long), Some(Ok(2.0)), "a long line is not searched");
    }
}
