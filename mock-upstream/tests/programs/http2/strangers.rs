//! Clients that are not written in Rust: curl, OpenSSL and h2load.

use std::process::{Command, Stdio};

use super::guest::Guest;
use crate::client::upstream;
use crate::tls::strangers::installed;

/// Runs curl, and returns the version of HTTP that it spoke, the status and the length of the body.
fn curl(flags: &[&str]) -> String {
    let report = ["--silent", "--show-error", "--output", "/dev/null", "--write-out"];
    let form = "%{http_version} %{http_code} %{size_download}";
    let output = Command::new("curl").args(report).arg(form).args(flags).output().unwrap();
    assert!(output.status.success(), "{flags:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_speaks_either_version_with_and_without_tls() {
    if !installed("curl", "--version") {
        return;
    }
    let server = upstream(&[]).await;
    let url = format!("http://{}/", server.address);
    let body = "x".repeat(200_000);
    let echo = format!("{url}echo");
    assert_eq!(curl(&["--http2-prior-knowledge", &url]), "2 200 1024");
    assert_eq!(curl(&["--http2-prior-knowledge", "--data", &body[..100_000], &echo]), "2 200 100000");
    // A listener that offers no upgrade from HTTP/1.1 stays with it.
    assert_eq!(curl(&["--http2", &url]), "1.1 200 1024");
    assert_eq!(Guest::connect(server.address).await.ledger().await.total, 3);

    let server = crate::tls::upstream(&[]);
    let (url, ca) = (format!("https://{}/", server.address), server.ca.file());
    assert_eq!(curl(&["--http2", "--cacert", &ca, &url]), "2 200 1024");
    assert_eq!(curl(&["--http1.1", "--cacert", &ca, &url]), "1.1 200 1024");
}

#[test]
fn openssl_agrees_on_what_it_offers() {
    if !installed("openssl", "version") {
        return;
    }
    let server = crate::tls::upstream(&[]);
    let address = server.address.to_string();
    for (offered, agreed) in [("h2", "h2"), ("http/1.1,h2", "h2"), ("http/1.1", "http/1.1")] {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-CAfile", &server.ca.file(), "-alpn", offered])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let seen = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(seen.contains(&format!("ALPN protocol: {agreed}\n")), "{offered}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2load_gets_every_answer_and_the_ledger_agrees() {
    if !installed("h2load", "--version") {
        return;
    }
    let server = upstream(&[]).await;
    let url = format!("http://{}/", server.address);
    let output = Command::new("h2load").args(["-n", "2000", "-c", "4", "-m", "100", &url]).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{report}");
    assert_eq!(Guest::connect(server.address).await.ledger().await.total, 2000);
}
