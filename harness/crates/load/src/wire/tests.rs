use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::arm_client::{ArmClient, Completion};
use crate::deadline::Deadline;
use crate::facts::Arm;
use crate::judge::Judge;
use crate::outcome::Outcome;
use crate::prepared::{Prepared, Scratch};
use crate::spec::{Body, ClientCertificate, Expect, Request, Tls, TlsVersion};
use crate::template::Fields;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A certificate that is its own authority, with its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Returns the side of a server. Requires a client certificate of `clients` if set.
fn acceptor((certificate, key): (String, String), clients: Option<String>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves TLS until the test ends. Closes each connection after `requests`.
async fn serve(certificate: (String, String), clients: Option<String>, requests: usize) -> SocketAddr {
    let (acceptor, listener) = (acceptor(certificate, clients), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            for _ in 0..requests {
                let mut request = [0; 1024];
                if stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    let _gone = stream.write_all(ANSWER).await;
                }
            }
            let _gone = stream.shutdown().await;
        }
    });
    address
}

fn tls(authority: &str) -> Tls {
    let (server_name, authority) = ("localhost".to_owned(), authority.to_owned());
    Tls { server_name, authority, client: None, version: None, resumption: true }
}

/// Sends requests one after the other. Returns what became of each, and what was negotiated for it.
async fn exchange(address: SocketAddr, tls: Tls, requests: usize) -> Vec<(Completion, Option<Negotiated>)> {
    exchange_with(address, tls, None, requests).await
}

async fn exchange_with(
    address: SocketAddr,
    tls: Tls,
    http2: Option<Http2>,
    requests: usize,
) -> Vec<(Completion, Option<Negotiated>)> {
    let (host, base_path) = (address.to_string(), String::new());
    let arm =
        ArmAddress { arm: Arm::Proxied, address: address.into(), host, base_path, tls: Some(tls), http2, stdio: false };
    let request = Request {
        name: "request".to_owned(),
        weight: 1,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: Body::Empty,
        expect: Expect::default(),
        timeout: Nanos::from_secs(10),
    };
    let prepared = Prepared::new(&request, &arm).unwrap();
    let (mut client, mut deadline) = (ArmClient::new(Route::new(&arm).unwrap(), Arc::default()), Deadline::new());
    let (mut judge, mut fields, mut scratch) = (Judge::default(), Fields::new(0, 0, 1), Scratch::default());
    let message = prepared.message(&mut fields, &mut scratch);
    let mut all = Vec::new();
    for _ in 0..requests {
        let now = Mono::now();
        deadline.set(now, now.after(Nanos::from_secs(10)));
        let completion = client.exchange(message, &mut judge, &mut deadline, None).await;
        all.push((completion, client.negotiated()));
        // The close of the server arrives.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    all
}

#[tokio::test]
async fn requests_share_a_connection_of_either_version() {
    for (version, words) in [(TlsVersion::Tls12, "TLS 1.2, "), (TlsVersion::Tls13, "TLS 1.3, AES_256_GCM_SHA384")] {
        let (certificate, key) = certificate();
        let address = serve((certificate.clone(), key), None, 9).await;
        let all = exchange(address, Tls { version: Some(version), ..tls(&certificate) }, 3).await;
        for (completion, negotiated) in &all {
            assert_eq!((completion.outcome, completion.reconnects), (Outcome::Ok, 0), "{completion:?}");
            assert!(
                negotiated.as_ref().is_some_and(|negotiated| negotiated.protocol.starts_with(words)),
                "{negotiated:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_new_connection_resumes_the_session_unless_that_is_off() {
    for resumption in [true, false] {
        let (certificate, key) = certificate();
        let address = serve((certificate.clone(), key), None, 1).await;
        let all = exchange(address, Tls { resumption, ..tls(&certificate) }, 3).await;
        for (number, (completion, negotiated)) in all.iter().enumerate() {
            assert_eq!(
                (completion.outcome, completion.reconnects),
                (Outcome::Ok, u64::from(number > 0)),
                "{completion:?}"
            );
            let resumed = negotiated.as_ref().is_some_and(|negotiated| negotiated.resumed);
            assert_eq!(resumed, resumption && number > 0, "request {number}: {negotiated:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_a_connect_error_with_the_reason() {
    let (stranger, _) = certificate();
    let address = serve(certificate(), None, 1).await;
    let all = exchange(address, tls(&stranger), 1).await;
    let (completion, _) = &all[0];
    assert_eq!(completion.outcome, Outcome::Connect);
    assert!(completion.message.as_ref().is_some_and(|message| message.contains("certificate")), "{completion:?}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let ((certificate, key), (own, own_key)) = (certificate(), certificate());
    let address = serve((certificate.clone(), key), Some(own.clone()), 1).await;
    let client = Some(ClientCertificate { certificate: own, key: own_key });
    let all = exchange(address, Tls { client, ..tls(&certificate) }, 1).await;
    assert_eq!(all[0].0.outcome, Outcome::Ok, "{:?}", all[0].0);
    let without = exchange(address, tls(&certificate), 1).await;
    assert_ne!(without[0].0.outcome, Outcome::Ok, "{:?}", without[0].0);
}

/// Serves TLS that offers `protocols`, and HTTP/2 on it, until the test ends. Returns the certificate too.
async fn serve_http2(protocols: &[&[u8]]) -> (SocketAddr, String) {
    let (certificate, key) = certificate();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let Ok(mut connection) = h2::server::handshake(stream).await else { continue };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond.send_response(http::Response::new(()), true).unwrap();
            }
        }
    });
    (address, certificate)
}

#[tokio::test]
async fn http2_is_spoken_with_a_server_that_agrees_to_it() {
    let (address, certificate) = serve_http2(&[b"h2", b"http/1.1"]).await;
    for version in TlsVersion::ALL {
        let tls = Tls { version: Some(version), ..tls(&certificate) };
        let all = exchange_with(address, tls, Some(Http2::default()), 3).await;
        for (completion, negotiated) in &all {
            assert_eq!((completion.outcome, completion.reconnects), (Outcome::Ok, 0), "{completion:?}");
            let words = format!("HTTP/2 over TLS {}, ", version.word());
            assert!(negotiated.as_ref().is_some_and(|found| found.protocol.starts_with(&words)), "{negotiated:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_agree_to_http2_is_a_connect_error_that_says_what_it_chose() {
    for (protocols, words) in [(&[&b"http/1.1"[..]][..], "it refused the handshake"), (&[], "it chose no protocol")] {
        let (address, certificate) = serve_http2(protocols).await;
        let all = exchange_with(address, tls(&certificate), Some(Http2::default()), 1).await;
        let (completion, _) = &all[0];
        assert_eq!(completion.outcome, Outcome::Connect);
        assert!(completion.message.as_ref().is_some_and(|message| message.contains(words)), "{completion:?}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_close_notify_and_a_reset() {
    let (certificate, key) = certificate();
    for is_tls in [true, false] {
        let (acceptor, listener) =
            (acceptor((certificate.clone(), key.clone()), None), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let peer = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            if is_tls {
                let mut stream = acceptor.accept(socket).await.unwrap();
                stream.write_all(ANSWER).await.unwrap();
                // Without `close_notify`, the end would be an error.
                return stream.read(&mut [0]).await.map_err(|error| error.kind());
            }
            socket.write_all(ANSWER).await.unwrap();
            socket.read(&mut [0]).await.map_err(|error| error.kind())
        });
        let tls = is_tls.then(|| tls(&certificate));
        let (host, base_path) = (String::new(), String::new());
        let route = Route::new(&ArmAddress {
            arm: Arm::Direct,
            address: address.into(),
            host,
            base_path,
            tls,
            http2: None,
            stdio: false,
        })
        .unwrap();
        let mut opening = Opening::default();
        let mut wire = Wire::open(&route, &mut opening).await.unwrap();
        wire.read_exact(&mut [0; ANSWER.len()]).await.unwrap();
        assert_eq!(opening.resumed, is_tls.then_some(false));
        assert!(opening.began < opening.connected.unwrap() && opening.connected <= opening.ready, "{opening:?}");
        assert_eq!(opening.connected == opening.ready, !is_tls, "{opening:?}");
        wire.close();
        assert_eq!(peer.await.unwrap(), if is_tls { Ok(0) } else { Err(io::ErrorKind::ConnectionReset) });
    }
}

#[test]
fn mistakes_are_named() {
    let (certificate, _) = certificate();
    let arm = |tls: Tls| ArmAddress {
        arm: Arm::Direct,
        address: SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        host: String::new(),
        base_path: String::new(),
        tls: Some(tls),
        http2: None,
        stdio: false,
    };
    let message = |tls: Tls| Route::new(&arm(tls)).err().unwrap().to_string();
    assert!(message(tls("")).contains("authority"));
    assert!(message(Tls { server_name: "a b".to_owned(), ..tls(&certificate) }).contains("\"a b\" is not the name"));
}
