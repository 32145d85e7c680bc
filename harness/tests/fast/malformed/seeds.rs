//! Whole files that the readers are given, and that are broken.

use std::path::{Path, PathBuf};

use harness::measure::Arm;
use harness::measure::LatencyHistogram;
use harness::measure::journal::JournalLine;
use harness::measure::node_line::NodeLine;
use harness::measure::trial::Build;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_fleet::frame::text;
use harness_fleet::hello::{About, Hello, PROTOCOL, Role};
use harness_fleet::message::{self, FromNode, ToNode};
use harness_fleet::secret::Token;
use harness_load::facts::StallTotal;
use harness_load::latency::Lag;
use harness_load::nodes::{NodeHost, NodeTrial};

use super::targets::{NEXT_FILE, TOKEN, characters};
use crate::{github, sample};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

fn corpus(target: &str) -> Vec<String> {
    let folder = root().join("harness/fuzz/corpus").join(target);
    if target == "program" { binaries(&folder) } else { files(&folder) }
}

/// Files that are no text, each byte as a character.
fn binaries(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| characters(&std::fs::read(path).unwrap())).collect()
}

/// Returns the smallest program of 64 bits with a loader and a library, as the linker lays it out: headers, their tables, no code.
pub fn smallest_program() -> Vec<u8> {
    let strings = b"\0libc.so.6\0/lib\0";
    let interpreter = b"/lib64/ld-linux-x86-64.so.2\0";
    let (header, segment) = (64_u64, 56_u64);
    let at_interpreter = header + 3 * segment;
    let at_strings = at_interpreter + interpreter.len() as u64;
    let at_dynamic = (at_strings + strings.len() as u64).next_multiple_of(8);
    // DT_NEEDED, DT_RUNPATH, DT_STRTAB, DT_STRSZ, DT_NULL.
    let dynamic = [(1, 1), (29, 11), (5, at_strings), (10, strings.len() as u64), (0, 0)];
    let size = at_dynamic + 16 * dynamic.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    file.extend([3_u16.to_le_bytes(), machine.to_le_bytes()].concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([0, header, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 3, 64, 0, 0].map(u16::to_le_bytes).concat());
    // PT_INTERP, PT_LOAD, PT_DYNAMIC.
    for (kind, from, length) in
        [(3_u32, at_interpreter, interpreter.len() as u64), (1, 0, size), (2, at_dynamic, 16 * dynamic.len() as u64)]
    {
        file.extend([kind.to_le_bytes(), 4_u32.to_le_bytes()].concat());
        file.extend([from, from, from, length, length, 8].map(u64::to_le_bytes).concat());
    }
    file.extend([&interpreter[..], strings].concat());
    file.resize(usize::try_from(at_dynamic).unwrap(), 0);
    dynamic.iter().for_each(|(tag, value): &(u64, u64)| file.extend([tag.to_le_bytes(), value.to_le_bytes()].concat()));
    file
}

/// Returns an OCI layout with one image of one empty layer, as the target `image` reads it.
pub fn layout() -> String {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let platform = format!("{{\"os\":\"linux\",\"architecture\":\"{architecture}\"}}");
    let layer = "\0".repeat(1024);
    let config = format!(
        "{{\"os\":\"linux\",\"architecture\":\"{architecture}\",\"config\":{{\"Labels\":{{\"a\":\"b\"}}}},\
         \"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"{{3}}\"]}}}}"
    );
    let described = |kind: &str, digest: u8, size: usize, more: &str| {
        let kind = format!("application/vnd.oci.image.{kind}");
        format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{{{digest}}}\",\"size\":{size}{more}}}")
    };
    // A digest has 68 characters more than its number in braces.
    let manifest = format!(
        "{{\"schemaVersion\":2,\"config\":{},\"layers\":[{}]}}",
        described("config.v1+json", 2, config.len() + 68, ""),
        described("layer.v1.tar", 3, layer.len(), "")
    );
    let platform = format!(",\"platform\":{platform}");
    let index = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{}]}}",
        described("manifest.v1+json", 1, manifest.len() + 2 * 68, &platform)
    );
    [index, manifest, config, layer].join(NEXT_FILE)
}

/// Files of `/proc` and of a control group, as the kernel writes them.
pub fn group() -> String {
    [
        "12:cpu,cpuacct:/user.slice/a:b\n3:memory:/user.slice\n0::/unused\n",
        "33 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
         35 25 0:30 / /mnt/a\\040b rw - cgroup2 cgroup2 rw\n",
        "usage_usec 1200\nuser_usec 700\nsystem_usec 500\nnr_periods 9\nnr_throttled 2\nthrottled_usec 40000\n",
        "1048576\n",
        "anon 4096\nfile 8192\ninactive_file 4096\n",
        "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
        "134217728\n",
        "50000 100000\n",
    ]
    .join(NEXT_FILE)
}

/// Histograms as records have them.
fn histograms() -> Vec<String> {
    let values = [vec![1_u64], (1..300).map(|step| step * 7_919).collect(), vec![60_000_000_000; 3]];
    let packed = |values: &Vec<u64>| {
        let mut histogram = LatencyHistogram::default();
        values.iter().for_each(|value| histogram.record(Nanos(*value)));
        serde_json::to_string(&histogram).unwrap().trim_matches('"').to_owned()
    };
    values.iter().map(packed).collect()
}

/// Returns whole files of each kind, as this repository has them.
pub fn whole(target: &str) -> Vec<String> {
    let tests = root().join("harness/tests");
    let seeds = match target {
        "scenario" => files(&root().join("scenarios")),
        "record" => vec![serde_json::to_string(&sample::record()).unwrap()],
        "journal" => {
            let lines = JournalLine::of_record(&sample::record());
            // A round of each stage: every kind of line, and small enough to be broken often.
            let few = lines.iter().map(|line| line.to_json().unwrap()).filter(|line| line.len() < 4_000);
            vec![few.collect()]
        }
        "nodes" => vec![nodes()],
        "baseline" => files(&root().join("results/baselines/sidecar")),
        "interop" => [tests.join("compare/aether"), tests.join("snapshots/aether")]
            .iter()
            .flat_map(|folder| files(folder))
            .chain(
                ["bench_metrics.json", "bench_metrics.flat.json", "perf.json"]
                    .map(|name| std::fs::read_to_string(tests.join("snapshots").join(name)).unwrap()),
            )
            .collect(),
        "histogram" => histograms(),
        "github" => vec![
            serde_json::json!([github::comment(1, "ann", "User", "a\r\nb")]).to_string(),
            github::comment(2, "github-actions[bot]", "Bot", "<!-- harness:v1 id=a/b -->\nc").to_string(),
            "{\"message\":\"Bad credentials\",\"status\":\"401\"}".to_owned(),
            "{\"login\":\"ann\",\"type\":\"User\"}".to_owned(),
        ],
        "groups" => vec![group()],
        "image" => vec![layout()],
        "probe" => [
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nwait!",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 None\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
            "HTTP/1.0 500 Broken\r\nConnection: keep-alive\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\n\r\n",
        ]
        .map(str::to_owned)
        .to_vec(),
        "exposition" => files(&root().join("harness/fuzz/corpus/exposition")),
        "program" => vec![characters(&smallest_program())],
        "frames" => frames(),
        other => panic!("no seeds for {other}"),
    };
    assert!(!seeds.is_empty() && seeds.iter().all(|seed| !seed.is_empty()), "{target}: a seed is missing");
    seeds
}

/// Returns the lines of two nodes.
fn nodes() -> String {
    let line = |index: u64| {
        let node = NodeTrial {
            index,
            name: format!("worker-{index}"),
            pacer_lag: Some(Lag { quantile: 0.99, lag_ns: 200_000 }),
            stalls: Some(StallTotal::default()),
            host: NodeHost { cpus: 0.5, cpu_ns: Some(7), steal: Some(0.01), ..NodeHost::default() },
            ..NodeTrial::default()
        };
        NodeLine { stage: "overhead".to_owned(), instance: 0, round: 1, build: Build::Head, arm: Arm::Proxied, node }
    };
    [0, 1].map(|index| line(index).to_json().unwrap()).concat()
}

/// Returns what a node sends: a hello, and the answer to a probe.
fn frames() -> Vec<String> {
    let about = About { name: "worker-a".to_owned(), cpus: 2.0, ..About::default() };
    let token = Token::try_from(TOKEN.to_owned()).unwrap();
    let hello = Hello { protocol: PROTOCOL, token, binary: "ab".to_owned(), about, role: Role::Node };
    let probed = FromNode::Probed { sent: Mono(7), now: Mono(9) };
    let answer = message::answer(1, None, "{\"ready\":null}");
    let mut written = Vec::new();
    // Each is shorter than a frame.
    for message in [text(&hello), text(&probed), answer, text(&ToNode::Stop { session: 1 })] {
        let length = u32::try_from(message.len() + 1).unwrap();
        written.extend(length.to_be_bytes());
        written.push(1);
        written.extend(message);
    }
    vec![characters(&written)]
}

/// Returns whole files and the corpus.
pub fn seeds(target: &str) -> Vec<String> {
    [whole(target), corpus(target)].concat()
}
