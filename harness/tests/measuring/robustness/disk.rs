//! Disks that fill up, files that may not grow, and folders in which nothing can be written.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::{Site, journal, may_mount, said};
use crate::alone;
use crate::approval::{VIA_SLACK, scenario as approving, slack};
use crate::reload::stage as reloading;
use crate::scrape::{EVALUATION, scraping};
use crate::stdio::shim;
use crate::support::{harness, newest, sidecar};

const CAPACITY: &str = "[stage.capacity]\nrounds = 6\nvus = 2\nwarmup = \"100ms\"\nwindow = \"300ms\"\n";

/// A mount that only this shell and its children see. Its files are copied before they vanish with it.
const WITHIN: &[&str] = &["unshare", "-rm"];

/// Checks that the result is in the only temporary folder of the site, complete and valid with these metrics, and returns it.
fn is_kept(site: &Site, stderr: &str, metrics: &[&str]) -> Value {
    let kept = site.temporary();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(stderr.contains(&format!("the result was saved in {} instead; free space", kept[0].display())), "{stderr}");
    let valid = harness().arg("validate").arg(kept[0].join("result.json")).output().unwrap();
    assert!(valid.status.success(), "{:?}", said(&valid));
    let (summary, _) = said(&harness().arg("report").arg(&kept[0]).output().unwrap());
    assert!(metrics.iter().all(|id| summary.contains(id)) && !summary.contains("partial"), "{summary}");
    site.nothing_is_left_but(&kept);
    serde_json::from_str(&std::fs::read_to_string(kept[0].join("result.json")).unwrap()).unwrap()
}

/// Checks that the journal below `out` has whole lines and can be read, and that no file looks like a result.
fn is_partial(out: &Path) {
    let written = journal(out);
    assert!(written.ends_with('\n') && written.lines().count() >= 2, "{} bytes of journal", written.len());
    assert!(written.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "a line is damaged");
    let run = newest(out).unwrap();
    let names = std::fs::read_dir(&run).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let posing: Vec<String> =
        names.filter(|name| name.contains("result.json") || name.contains("unfinished")).collect();
    assert_eq!(posing, [""; 0]);
    let (shown, stderr) = said(&harness().arg("report").arg(&run).output().unwrap());
    assert!(shown.contains("partial"), "{shown}\n{stderr}");
}

#[test]
fn an_output_that_cannot_be_written_is_no_success() {
    let _alone = alone();
    let full = || Stdio::from(std::fs::File::create("/dev/full").unwrap());
    let output = harness().args(["check", "--schema"]).stdout(full()).output().unwrap();
    let (_, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("stdout cannot be written: No space left on device"), "{stderr}");
    let mut gone = harness().args(["check", "--schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    let output = gone.wait_with_output().unwrap();
    assert_eq!((output.status.code(), said(&output).1.as_str()), (Some(0), ""), "a reader that went away");
    let output = harness().args(["check", "nowhere.toml"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "an error that cannot be printed");
}

#[test]
fn a_disk_that_fills_up_costs_no_number() {
    let _alone = alone();
    if !may_mount("a_disk_that_fills_up_costs_no_number") {
        return;
    }
    let site = Site::new(&sidecar(&[], CAPACITY));
    let script = "mkdir \"$OUT\" && mount -t tmpfs -o size=40k tmpfs \"$OUT\" || exit 99\n\
                  \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"; code=$?\n\
                  cp -r \"$OUT\" \"$COPY\"; exit $code";
    let copy = site.scratch.0.join("copy");
    let output = site.shell(WITHIN, script).env("COPY", &copy).output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
    assert!(stdout.contains("rps_2vu"), "the summary is printed nevertheless: {stdout}");
    for words in
        [&site.out().display().to_string(), "result.json cannot be written", "No space left on device", "df -h"]
    {
        assert!(stderr.contains(words), "{words} is not in {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!stdout.contains("report.html") && !stdout.contains("harness report"), "no file that is absent: {stdout}");
    let kept = is_kept(&site, &stderr, &["rps_2vu"]);
    let warnings = kept["record"]["stages"][0]["warnings"].to_string();
    assert!(warnings.contains("journal_incomplete") && warnings.contains("No space left on device"), "{warnings}");
    is_partial(&copy);
}

#[test]
#[ignore = "runs by night: scripts/nightly-tests"]
fn a_disk_that_fills_up_costs_no_number_of_stages_with_instants_of_their_own() {
    let _alone = alone();
    if !may_mount("a_disk_that_fills_up_costs_no_number_of_stages_with_instants_of_their_own") {
        return;
    }
    let metrics = format!("\"policy/eval_mean\" = {{ histogram = \"{EVALUATION}\" }}");
    let reload = reloading("instances = 1\nreloads = 2\nconnections = 2");
    let reported =
        sidecar(&["--policy-takes", "50us", "--reload-takes", "40ms"], &format!("{}{reload}", scraping(1, &metrics)));
    let approval = approving(&VIA_SLACK, &slack(20), "[stage.approval]\nlaunches = 1\ncount = 2\n");
    let stdio = shim(&[], "rate = \"500/s\"\nrounds = 6\ninstances = 1\nwarmup = \"50ms\"\nwindow = \"200ms\"");
    for (scenario, size, ids) in [
        (reported, "48k", &["reload/first", "policy/eval_mean"][..]),
        (approval, "16k", &["approval/overhead"]),
        (stdio, "40k", &["overhead/stdio_p50"]),
    ] {
        let site = Site::new(&scenario);
        let script = "mkdir \"$OUT\" && mount -t tmpfs -o size=$SIZE tmpfs \"$OUT\" || exit 99\n\
                      exec \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"";
        let output = site.shell(WITHIN, script).env("SIZE", size).output().unwrap();
        let (stdout, stderr) = said(&output);
        assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
        assert!(stdout.contains("PASS"), "the summary is printed nevertheless: {stdout}");
        assert!(stderr.contains("No space left on device") && !stderr.contains("panicked"), "{stderr}");
        is_kept(&site, &stderr, ids);
    }
}

#[test]
fn a_disk_that_is_full_already_is_reported_before_anything_is_measured() {
    let _alone = alone();
    if !may_mount("a_disk_that_is_full_already_is_reported_before_anything_is_measured") {
        return;
    }
    let site = Site::new(&sidecar(&[], CAPACITY));
    let script = "mkdir \"$OUT\" && mount -t tmpfs -o size=16k tmpfs \"$OUT\" || exit 99\n\
                  head -c 65536 /dev/zero > \"$OUT/others\" 2> /dev/null\n\
                  exec \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"";
    let output = site.shell(WITHIN, script).output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
    assert!(stderr.contains("cannot write the journal in ") && stderr.contains("--out DIR"), "{stderr}");
    site.nothing_is_left_but(&[]);
}

#[test]
fn files_that_may_not_grow_end_no_process() {
    let _alone = alone();
    let site = Site::new(&sidecar(&[], CAPACITY));
    // In blocks of 512 bytes, or of 1,024 in some shells; the result has some 100 KiB.
    let script = "ulimit -f 40; exec \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"";
    let output = site.shell(&[], script).output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
    assert!(stdout.contains("rps_2vu"), "{stdout}");
    for words in
        ["result.json cannot be written", "File too large", "could not be saved elsewhere either", "harness report"]
    {
        assert!(stderr.contains(words), "{words} is not in {stderr}");
    }
    site.nothing_is_left_but(&[]);
    is_partial(&site.out());
}

#[test]
fn a_results_folder_that_is_removed_in_the_middle_costs_no_number() {
    let _alone = alone();
    let site = Site::new(&sidecar(&[], CAPACITY));
    let child = site.run().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    site.wait_for("{\"trial\":");
    std::fs::remove_dir_all(site.out()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
    assert!(stdout.contains("rps_2vu"), "{stdout}");
    assert!(stderr.contains("No such file or directory"), "{stderr}");
    is_kept(&site, &stderr, &["rps_2vu"]);
}

#[test]
fn a_results_folder_that_cannot_be_is_reported_before_anything_is_started() {
    let _alone = alone();
    let site = Site::new(&sidecar(&[], CAPACITY));
    std::fs::write(site.out(), "in the way").unwrap();
    let taken = site.run().output().unwrap();
    std::fs::remove_file(site.out()).unwrap();
    let mut outputs = vec![(taken, "Not a directory")];
    if may_mount("a_results_folder_that_cannot_be_is_reported_before_anything_is_started") {
        let script = "mkdir \"$OUT\" && mount -t tmpfs -o ro tmpfs \"$OUT\" || exit 99\n\
                      exec \"$HARNESS\" run \"$SCENARIO\" --out \"$OUT\"";
        outputs.push((site.shell(WITHIN, script).output().unwrap(), "Read-only file system"));
    }
    for (output, cause) in outputs {
        let (stdout, stderr) = said(&output);
        assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
        for words in ["cannot make the directory", &site.out().display().to_string(), cause, "--out DIR"] {
            assert!(stderr.contains(words), "{words} is not in {stderr}");
        }
        site.nothing_is_left_but(&[]);
    }
}
