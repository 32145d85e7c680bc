//! How a scenario describes echoes over TCP and QUIC.

use harness::work::transports::Transports;
use harness_base::units::{BitRate, Bytes};
use harness_rig::target::EchoPath;

use super::*;

const ECHO: &str = r#"
name = "mesh"
[target.process]
command = ["builtin:echo", "--listen", "127.0.0.1:{port.echo}", "--tls-cert", "{cert.file}", "--tls-key", "{key.file}"]
[target.endpoints]
proxy = "https://127.0.0.1:{port.echo}"
[stage.echo]
size = "4KiB"
streams = 64
path = { delay = "10ms" }
[stage.lossy]
kind = "echo"
path = { delay = "10ms", jitter = "1ms", bandwidth = "10Mbit/s", loss = "1%" }
[stage.most]
kind = "echo"
tcp = "plain"
closed = true
[targets]
"gain/quic_rtt_p50" = { limit = "> 50ms" }
"gain/quic_rtt_p50@lossy" = { limit = "> 50ms" }
"throughput/echo_quic@most" = { limit = "> 10MB/s" }
"#;

#[test]
fn both_transports_are_measured_unless_the_path_loses_packets() {
    let found = good(ECHO, &["stage.echo.rate=500/s"]);
    let [echo, lossy, most] = &found.stages[..] else { panic!("{:?}", found.stages) };
    let load = |stage: &Stage| stage.work.planned().load().unwrap().clone();
    assert!(load(echo).paired && load(echo).connections == 64 && load(echo).instances >= 5, "{:?}", load(echo));
    assert!(!load(lossy).paired, "no relay loses segments of TCP");
    assert!(load(most).paired && load(most).pace == Pace::Closed { vus: 8 }, "{:?}", load(most));
    let path = EchoPath { delay: Nanos::from_millis(10), ..EchoPath::default() };
    let transports = |stage: &Stage| *stage.work.planned().transports().unwrap();
    assert_eq!(transports(echo), Transports { tls_over_tcp: true, path: Some(path) });
    let bandwidth = Some(BitRate(10_000_000));
    let path = EchoPath { jitter: Nanos::from_millis(1), bandwidth, loss: Ratio(0.01), ..path };
    assert_eq!(transports(lossy).path, Some(path));
    assert_eq!(transports(most), Transports { tls_over_tcp: false, path: None });
    let Body::Echo(workload) = &echo.requests[0].body else { panic!("{:?}", echo.requests) };
    assert_eq!((workload.size, workload.alpn.as_str()), (Bytes(4096), "echo"));
    let text = Plan::new(&found, &Options::default()).unwrap().to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "instances of TLS 1.3 over TCP and QUIC, messages of 4KiB, 500/s on 64 streams, path 10ms each way",
        "instances of QUIC, messages of 1KiB, 100/s on 8 streams, path 10ms each way, jitter 1ms, 10Mbit/s, 1% of the packets lost",
        "TCP and QUIC, messages of 1KiB, 8 streams, each with a message under way at any time",
        "echoed messages of 4KiB, timeout 5s; expects every byte back",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn netem_loses_packets_of_both_transports() {
    let text = format!("{ECHO}\n[network]\nnetem = true\n");
    let found = good(&text, &[]);
    let [echo, lossy, most] = &found.stages[..] else { panic!("{:?}", found.stages) };
    assert!(lossy.work.planned().load().unwrap().paired && echo.is_netem() && lossy.is_netem() && !most.is_netem());
    let transports = *lossy.work.planned().transports().unwrap();
    assert!(transports.has_tcp() && transports.path.is_some_and(|path| path.netem), "{transports:?}");
    let plan = Plan::new(&found, &Options::default()).unwrap().to_string();
    let words = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("10Mbit/s, 1% of the packets lost, by netem"), "{words}");
    let only = |stages: &str| mistakes(&text.replace(stages, "path = {}"), &[]);
    assert_eq!(only("path = { delay = \"10ms\" }"), Vec::<String>::new(), "a path that does nothing is a path");
    let overtaking = text.replace("path = { delay = \"10ms\" }", "path = { reorder = \"1%\" }");
    let found = mistakes(&overtaking, &[]);
    assert!(
        found.iter().any(|mistake| mistake.contains("stage.echo.path.reorder") && mistake.contains("needs a delay")),
        "{found:#?}"
    );
}

#[test]
fn mistakes_of_echoes_are_named() {
    for (from, to, message) in [
        ("size = \"4KiB\"", "size = \"15B\"", "must be 16B to 4MiB, is 15B"),
        ("streams = 64", "streams = 0", "must be 1 to 1024, is 0"),
        ("streams = 64", "streams = 2", "lower it, or set streams to more than 2"),
        ("delay = \"10ms\" }", "delay = \"6s\" }", "must be at most 5s, is 6s"),
        ("jitter = \"1ms\"", "jitter = \"11ms\"", "11ms is more than the delay of 10ms"),
        ("loss = \"1%\"", "loss = \"100%\"", "must be from 0% to less than 100%"),
        ("loss = \"1%\"", "lost = \"1%\"", "did you mean loss?"),
        ("10Mbit/s", "10MB/s", "is not a bandwidth such as"),
        ("tcp = \"plain\"", "tcp = \"ssl\"", "must be one of tls, plain"),
        ("closed = true", "closed = true\nrate = \"5/s\"", "is not sent at in a closed loop"),
        ("closed = true", "closed = true\nhandshakes = 1001", "must be at most 1000, is 1001"),
        ("echo_quic@most", "echo_quic", "sends at a rate that is given"),
        ("quic_rtt_p50@lossy", "quic_rtt_p50@most", "the stage is a closed loop"),
        ("https://127.0.0.1:{port.echo}", "unix://{socket.echo}", "needs a server with a port"),
    ] {
        let found = mistakes(&ECHO.replacen(from, to, 1), &[]);
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message}: {found:#?}");
    }
}
