//! Gives broken input to every reader of files that people and other tools write. A panic is a finding, and so is an error
//! that does not name its place, or a number that is none.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use harness::measure::node_line::{self, NodeLine};
use harness::measure::{LatencyHistogram, Record, journal};
use harness::plan::{self, Plan};
use harness::publish::answer::{self, Comment, Page, User};
use harness::report::{FORMATS, Summary};
use harness::scenario::{self, Scenario};
use harness::verdict::{Context, Options, gate, judge, stored};
use harness::{baseline, interop};
use harness_fleet::frame::FrameReader;
use harness_fleet::hello;
use harness_fleet::message::{self, ToNode};
use harness_fleet::secret::Token;
use harness_image::types::ImageFacts;
use harness_rig::cgroup::{Group, find};
use harness_rig::group::GroupUsage;
use harness_rig::probe;
use sha2::{Digest as _, Sha256};

/// A reader that is given a text.
pub type Target = fn(&str);

/// Every one of them with its name, which is also that of its folder in the corpus.
pub const TARGETS: [(&str, Target); 14] = [
    ("scenario", scenario),
    ("record", record),
    ("journal", journal),
    ("nodes", nodes),
    ("baseline", baseline),
    ("interop", interop),
    ("histogram", histogram),
    ("github", github),
    ("groups", groups),
    ("image", image),
    ("program", program),
    ("probe", probe),
    ("exposition", exposition),
    ("frames", frames),
];

/// Separates the files in the text of a target that reads several.
pub const NEXT_FILE: &str = "\n---\n";

fn given() -> &'static Path {
    Path::new("given.file")
}

fn named(error: &impl std::fmt::Display) {
    let message = error.to_string();
    assert!(message.contains("given.file"), "an error that does not name the file: {message}");
}

/// Returns the folder that relative paths of a scenario start from.
fn folder() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("scenarios")).find(|folder| folder.is_dir()).unwrap_or_default()
}

/// A scenario is refused with the place of every mistake, or can be planned and described.
pub fn scenario(text: &str) {
    match Scenario::parse(text, given(), folder(), &[]) {
        Err(error) => named(&error),
        Ok(scenario) => {
            for quick in [false, true] {
                let plan = Plan::new(&scenario, &plan::Options { quick, ..plan::Options::default() });
                assert!(!plan.unwrap().to_string().is_empty());
            }
        }
    }
    drop((scenario::claims(text, &[]), gate::of_text(text, &[])));
}

/// A record is refused, or judged and rendered in every format. It is given without the digest, which broken ones would not match.
pub fn record(text: &str) {
    if let Err(error) = stored::parse_record(text, given()) {
        named(&error);
    }
    if let Ok(record) = serde_json::from_str::<Record>(text) {
        shown(&record);
    }
}

fn shown(record: &Record) {
    let facts = &record.scenario;
    let gates = gate::of_text(&facts.text, &facts.overrides);
    let options = Options { gates, context: Context::default(), ..Options::default() };
    let judgement = judge(record, &scenario::claims(&facts.text, &facts.overrides), options);
    for format in FORMATS {
        let Ok(shown) = format.render(&Summary::new(record, &judgement)) else { continue };
        let shown = String::from_utf8(shown).unwrap();
        // A name may have these letters.
        let none = shown.contains("NaN") && !serde_json::to_string(record).unwrap().contains("NaN");
        assert!(!none, "{} contains NaN", format.name());
    }
}

/// A journal is refused with the line, or is a record.
pub fn journal(text: &str) {
    match journal::replay(text.as_bytes()) {
        Ok(replay) => shown(&replay.record),
        Err(error) => {
            let message = error.to_string();
            let place = ["line ", "empty", "layout "].iter().any(|place| message.contains(place));
            assert!(place, "an error that does not name its place: {message}");
        }
    }
}

/// A line of a node is refused with its number, or is written as it was read.
pub fn nodes(text: &str) {
    for line in node_line::read(text.as_bytes()) {
        match line {
            Ok(line) => {
                let again = line.to_json().unwrap();
                assert_eq!(serde_json::from_str::<NodeLine>(&again).unwrap(), line);
            }
            Err(error) => assert!(error.to_string().starts_with("line "), "an error without its line: {error}"),
        }
    }
}

/// A baseline is refused, or written as it was read.
pub fn baseline(text: &str) {
    match baseline::parse(text, given()) {
        Err(error) => named(&error),
        Ok(read) => {
            let again = serde_json::to_string(&read).unwrap();
            assert_eq!(baseline::parse(&again, given()).unwrap(), read);
        }
    }
}

/// A file of another tool is refused, or holds numbers.
pub fn interop(text: &str) {
    match interop::parse(text, given()) {
        Err(error) => named(&error),
        Ok(numbers) => {
            for entry in &numbers.entries {
                let values = [entry.values.value, entry.values.p50, entry.values.p95];
                assert!(values.iter().flatten().all(|value| value.is_finite()), "{entry:?}");
            }
        }
    }
}

/// The answer of a metrics endpoint is refused with the line, or has named samples.
pub fn exposition(text: &str) {
    match interop::exposition::Exposition::parse(text) {
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line), "{error}"),
        Ok(read) => {
            let mut names = read.samples.iter().map(|sample| sample.name.as_str());
            assert!(names.all(interop::exposition::is_metric_name));
        }
    }
}

/// A histogram is refused, or is written as it was read.
pub fn histogram(text: &str) {
    if let Ok(read) = LatencyHistogram::from_base64(text) {
        let again = serde_json::to_string(&read).unwrap();
        let again = LatencyHistogram::from_base64(again.trim_matches('"')).unwrap();
        assert_eq!(again.steps(), read.steps());
    }
}

/// An answer of GitHub is refused with its place, or gives short texts of one line.
pub fn github(text: &str) {
    let body = text.as_bytes();
    if let Err(problem) = answer::parse::<Page>(body) {
        assert!(problem.to_string().contains("line "), "{problem}");
    }
    drop(answer::parse::<User>(body));
    if let Ok(comment) = answer::parse::<Comment>(body) {
        assert!(comment.address().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{}", comment.address());
    }
    if let Some(reason) = answer::refusal(body) {
        assert!(reason.chars().count() <= 200 && !reason.contains(char::is_control), "{reason:?}");
    }
}

/// A folder for the files of one call, which is removed at its end.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("harness-malformed-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}

/// The files of a process and of its control group are read, or not there.
pub fn groups(text: &str) {
    let mut parts = text.split(NEXT_FILE);
    let (cgroup, mountinfo) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    for place in find(cgroup, mountinfo).each() {
        assert!(place.path.starts_with(&place.mount), "{place:?}");
    }
    let _absent = group_usage(text);
}

/// Reads the third to last files of a text as those of a control group.
pub fn group_usage(text: &str) -> Option<GroupUsage> {
    const OF_GROUP: [&str; 6] = ["cpu.stat", "memory.current", "memory.stat", "memory.events", "memory.max", "cpu.max"];
    let files = Files::new();
    files.write("proc/7/cgroup", b"0::/one\n");
    files.write("proc/self/mountinfo", b"1 2 0:3 / /groups rw - cgroup2 none rw\n");
    let parts = text.split(NEXT_FILE).skip(2).chain(std::iter::repeat(""));
    for (name, part) in OF_GROUP.iter().zip(parts) {
        files.write(&format!("groups/one/{name}"), part.as_bytes());
    }
    let group = Group::under(&files.0, 7)?;
    let cpus = group.limits().cpus;
    assert!(cpus.is_none_or(|cpus| cpus.is_finite() && cpus >= 0.0), "{cpus:?}");
    Some(group.read())
}

/// An image is refused with its path, or has facts.
pub fn image(text: &str) {
    if let Err(error) = image_facts(text) {
        named(&error);
    }
    // The same text as an archive.
    let files = Files::new();
    files.write("given.file", text.as_bytes());
    if let Err(error) = harness_image::facts(&files.0.join("given.file")) {
        named(&error);
    }
}

/// Reads a text as a folder in OCI layout: index, manifest, configuration and layer. `{1}` to `{3}` are the digests of the last three.
pub fn image_facts(text: &str) -> Result<ImageFacts, harness_image::Error> {
    let files = Files::new();
    let mut parts: Vec<String> = text.splitn(4, NEXT_FILE).map(str::to_owned).collect();
    parts.resize(4, String::new());
    for number in (1..4).rev() {
        let digest: String =
            Sha256::digest(parts[number].as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        files.write(&format!("given.file/blobs/sha256/{digest}"), parts[number].as_bytes());
        for earlier in &mut parts[..number] {
            *earlier = earlier.replace(&format!("{{{number}}}"), &format!("sha256:{digest}"));
        }
    }
    files.write("given.file/index.json", parts[0].as_bytes());
    harness_image::facts(&files.0.join("given.file"))
}

/// The answer of a health endpoint has a status, or is refused. Each byte is a character up to U+00FF.
pub fn probe(text: &str) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    // Bytes that do not fit into the socket are not sent: the probe reads no more than it.
    theirs.set_nonblocking(true).unwrap();
    let _too_long = theirs.write(&bytes(text));
    theirs.shutdown(Shutdown::Write).unwrap();
    match probe::ask(ours) {
        Ok(status) => assert!(status == 101 || (200..600).contains(&status), "{status}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The longest message of the peer in [`frames`].
const MESSAGE: usize = 16 << 10;

/// What a peer of a fleet sends is read up to a limit, or refused, and so is each message in it. Each byte is a character up to U+00FF.
pub fn frames(text: &str) {
    let sent = bytes(text);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut reader = FrameReader::new(sent.as_slice(), MESSAGE);
        loop {
            match reader.next().await {
                Ok(message) => {
                    assert!(message.len() <= MESSAGE);
                    fleet_message(&message);
                }
                Err(error) => break assert!(!error.to_string().is_empty()),
            }
        }
    });
}

/// The token of nobody.
pub const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Reads a message as each of those that a hub or a node receives.
fn fleet_message(message: &[u8]) {
    let token = Token::try_from(TOKEN.to_owned()).unwrap();
    match hello::judge(message, &token, "ab") {
        Ok(hello) => assert!(hello.about.cpus >= 0.0 && !hello.about.name.contains('\n')),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
    if let Ok((_, frame)) = message::parse(message) {
        assert!(frame.len() <= message.len());
    }
    let _refused = serde_json::from_slice::<ToNode>(message);
}

/// An executable is refused, or has its libraries found. Each byte is a character up to U+00FF.
pub fn program(text: &str) {
    let files = Files::new();
    files.write("given.file", &bytes(text));
    // A library that is not found is named, and not the program.
    if let Err(error) = harness_image::closure(&files.0.join("given.file")) {
        assert!(!error.to_string().is_empty());
    }
}

/// Returns the bytes that stand as characters up to U+00FF in a text.
pub fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// Returns bytes as such a text.
pub fn characters(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
