//! Clients that are not written in Rust: OpenSSL and curl.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use super::certificates::{Ca, Identity};
use super::upstream;

const VERSIONS: [(&str, &str); 2] = [("1.2", "-tls1_2"), ("1.3", "-tls1_3")];

/// Returns whether this machine has the program. If not, prints that the test is skipped.
pub fn installed(program: &str, flag: &str) -> bool {
    let found = Command::new(program).arg(flag).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed; try: apt-get install {program}");
    }
    found
}

/// Requests `/` with OpenSSL and returns all that it printed.
fn openssl(address: SocketAddr, ca: &Ca, flags: &[&str]) -> String {
    let (address, ca) = (address.to_string(), ca.file());
    let always =
        ["s_client", "-connect", &address, "-CAfile", &ca, "-verify_ip", "127.0.0.1", "-alpn", "http/1.1", "-ign_eof"];
    let mut child = Command::new("openssl")
        .args(always)
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    child.stdin.take().unwrap().write_all(request).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

fn curl(address: SocketAddr, ca: &Ca, flags: &[&str]) -> Output {
    let (url, ca) = (format!("https://{address}/"), ca.file());
    Command::new("curl").args(["--silent", "--show-error", "--cacert", &ca]).args(flags).arg(url).output().unwrap()
}

#[test]
fn openssl_verifies_the_certificate_and_resumes_sessions() {
    if !installed("openssl", "version") {
        return;
    }
    let server = upstream(&[]);
    for (version, flag) in VERSIONS {
        let session = server.ca.beside("session.pem");
        let first = openssl(server.address, &server.ca, &[flag, "-sess_out", &session]);
        for expected in [
            &format!("New, TLSv{version}"),
            "ALPN protocol: http/1.1",
            "Verify return code: 0 (ok)",
            "HTTP/1.1 200 OK",
            "xxxxxxxx",
        ] {
            assert!(first.contains(expected), "{expected} with {version}: {first}");
        }
        let second = openssl(server.address, &server.ca, &[flag, "-sess_in", &session]);
        assert!(second.contains(&format!("Reused, TLSv{version}")) && second.contains("HTTP/1.1 200 OK"), "{second}");
        let unknown = openssl(server.address, &Ca::new(), &[flag, "-verify_return_error"]);
        assert!(!unknown.contains("HTTP/1.1"), "{unknown}");
    }
}

#[test]
fn curl_is_served_over_both_versions_and_only_with_its_certificate() {
    if !installed("curl", "--version") {
        return;
    }
    let guests = Ca::new();
    let server = upstream(&["--client-ca", &guests.file(), "--body", "16B"]);
    let Identity { cert, key } = guests.sign(&["client.test"]);
    for (version, _) in VERSIONS {
        let minimum = format!("--tlsv{version}");
        let versions = [minimum.as_str(), "--tls-max", version];
        let with = curl(server.address, &server.ca, &[&versions[..], &["--cert", &cert, "--key", &key]].concat());
        assert_eq!(String::from_utf8_lossy(&with.stdout), "x".repeat(16), "{with:?}");
        let without = curl(server.address, &server.ca, &versions);
        assert!(!without.status.success() && without.stdout.is_empty(), "{without:?}");
    }
    let untrusted = curl(server.address, &guests, &["--cert", &cert, "--key", &key]);
    assert_eq!(untrusted.status.code(), Some(60), "the CA of the server is another: {untrusted:?}");
}
