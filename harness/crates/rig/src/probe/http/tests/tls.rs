//! Probes over TLS.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Serves TLS, and answers two requests on one connection; after the second, it closes the connection without an alert.
fn serve(listener: &TcpListener) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let config = builder.with_single_cert(vec![made.cert.der().clone()], key).expect("a certificate");
    let (socket, _) = listener.accept().expect("accepted");
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).expect("a connection"), socket);
    for answer in ["HTTP/1.1 503 x\r\nContent-Length: 5\r\n\r\nwait!", "HTTP/1.1 200 OK\r\n\r\n"] {
        let count = stream.read(&mut [0; 4096]).expect("a request");
        assert!(count > 0);
        stream.write_all(answer.as_bytes()).expect("written");
    }
}

#[test]
fn a_probe_speaks_tls_with_any_certificate_on_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let url = HttpUrl::parse(&format!("https://localhost:{port}/ready")).expect("valid");
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener));
        let mut connection = Connection::open(&url, TIMEOUT).expect("connected");
        let mut statuses = (0..2).map(|_| connection.get(&|| false).map(|Answer { status, .. }| status));
        assert_eq!((statuses.next().unwrap().unwrap(), statuses.next().unwrap().unwrap()), (503, 200));
    });
}

#[test]
fn a_server_without_tls_is_a_miss_and_one_that_is_silent_is_left_in_time() {
    for silent in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let url = HttpUrl::parse(&format!("https://127.0.0.1:{port}/ready")).expect("valid");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut socket, _) = listener.accept().expect("accepted");
                let _hello = socket.read(&mut [0; 4096]);
                let answer: &[u8] = if silent { b"" } else { b"HTTP/1.1 400 Bad Request\r\n\r\n" };
                socket.write_all(answer).expect("written");
                // Ends when the probe closes the connection.
                while socket.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
            });
            let mut connection = Connection::open(&url, TIMEOUT).expect("connected");
            let miss = connection.get(&|| false).expect_err("no answer").to_string();
            drop(connection);
            assert_eq!(miss.contains("no answer came within"), silent, "{miss}");
        });
    }
}
