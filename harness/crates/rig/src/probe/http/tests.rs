mod tls;

use std::net::{TcpListener, TcpStream};

use super::*;

/// Serves one connection: per request one list of packets, written apart.
fn answers(script: &[&[&str]]) -> Vec<Result<Answer, String>> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let url = HttpUrl::parse(&format!("http://127.0.0.1:{port}/ready")).expect("valid");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            stream.set_nodelay(true).expect("set");
            for packets in script {
                let mut request = [0; 4096];
                let count = stream.read(&mut request).expect("a request");
                assert!(request[..count].starts_with(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:"));
                assert!(request[..count].ends_with(b"\r\n\r\n"));
                for packet in *packets {
                    stream.write_all(packet.as_bytes()).expect("written");
                    std::thread::sleep(Nanos::from_millis(2).duration());
                }
            }
        });
        let mut connection = Connection::open(&url, TIMEOUT).expect("connected");
        script.iter().map(|_| connection.get(&|| false).map_err(|miss| miss.to_string())).collect()
    })
}

fn brief(answers: &[Result<Answer, String>]) -> Vec<(u16, &str, bool)> {
    let ok = answers.iter().map(|answer| answer.as_ref().expect("answered"));
    ok.map(|answer| (answer.status, answer.excerpt.as_str(), answer.reusable)).collect()
}

#[test]
fn one_connection_carries_answers_of_every_framing_and_split() {
    let answers = answers(&[
        &["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nwait!"],
        &["HTT", "P/1.1 50", "3 no\r\ncontent-LENGTH:5\r", "\n\r\nab", "cde"],
        &[
            "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nab",
            "c\r\n2\r\nde\r\n0\r\n",
            "Trailer: 1\r\n\r\n",
        ],
        &["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n"],
        &["HTTP/1.1 404 x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"],
    ]);
    let expected =
        [(503, "wait!", true), (503, "abcde", true), (500, "abcde", true), (304, "", true), (404, "ok", false)];
    assert_eq!(brief(&answers), expected);
}

/// Runs `talk` on the connection of one request, whose stop flag is set after `stop`. Returns the answer and how long it took.
fn against(stop: Nanos, talk: impl Fn(&mut TcpStream) -> io::Result<()> + Sync) -> (Result<Answer, String>, Nanos) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let url = HttpUrl::parse(&format!("http://127.0.0.1:{port}/ready")).expect("valid");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("accepted");
            // Ends when the probe closes the connection.
            while talk(&mut stream).is_ok() {}
        });
        let begun = Mono::now();
        let mut connection = Connection::open(&url, TIMEOUT).expect("connected");
        let answer = connection.get(&|| Mono::now().since(begun) > stop).map_err(|miss| miss.to_string());
        (answer, Mono::now().since(begun))
    })
}

fn drip(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    std::thread::sleep(Nanos::from_millis(5).duration());
    stream.write_all(bytes)
}

#[test]
fn an_answer_that_never_ends_is_left_in_time_and_named() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let once = |stream: &mut TcpStream, head: &str| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) { stream.write_all(head.as_bytes()) } else { Ok(()) }
    };
    let again = || first.store(true, std::sync::atomic::Ordering::Relaxed);
    let long = Nanos::from_secs(60);
    let within = |took: Nanos, limit: u64| assert!(took < Nanos::from_millis(limit), "{took}");
    // A stream of events after a 2xx.
    let (answer, took) = against(long, |stream| {
        once(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        drip(stream, b"data: x\n\n")
    });
    assert_eq!(answer.expect("a success").status, 200);
    within(took, 500);
    // The same after another status.
    again();
    let (answer, took) = against(long, |stream| {
        once(stream, "HTTP/1.1 503 x\r\n\r\n")?;
        drip(stream, b"data: x\n\n")
    });
    let answer = answer.expect("an answer");
    assert!(answer.status == 503 && !answer.reusable && answer.excerpt.starts_with("data: x"), "{answer:?}");
    within(took, 500);
    let (answer, took) = against(long, |stream| drip(stream, b"HTTP/1.1 100 Continue\r\n\r\n"));
    assert!(
        answer
            .expect_err("no final answer")
            .contains("16 interim answers came and no final one, the last with status 100")
    );
    within(took, 1_500);
    // A head of one byte at a time.
    again();
    let (answer, took) = against(long, |stream| {
        once(stream, "HTTP/1.1 503 x\r\nX: ")?;
        drip(stream, b"y")
    });
    assert!(answer.expect_err("no head").contains("its head did not end within"));
    within(took, 1_500);
    // Trailers of a chunked body, one byte at a time.
    again();
    let (answer, took) = against(long, |stream| {
        once(stream, "HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")?;
        drip(stream, b"y")
    });
    assert_eq!(answer.expect("an answer").status, 503);
    within(took, 500);
    again();
    let (answer, _) = against(long, |stream| {
        once(stream, "HTTP/1.1 503 x\r\nX: ")?;
        stream.write_all(&[b'y'; 4096])
    });
    assert!(answer.expect_err("a long head").contains("more than 65536 bytes"));
}

#[test]
fn a_stop_ends_a_read_that_goes_on() {
    let (answer, took) = against(Nanos::from_millis(100), |stream| drip(stream, b"H"));
    assert!(answer.is_err() && took < Nanos::from_millis(500), "{answer:?} {took}");
}

#[test]
fn a_body_without_length_ends_with_its_connection() {
    assert_eq!(brief(&answers(&[&["HTTP/1.0 404 Not Found\r\n\r\nno", " such"]])), [(404, "no such", false)]);
    assert_eq!(brief(&answers(&[&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"]])), [(200, "", false)]);
    assert_eq!(brief(&answers(&[&["HTTP/1.1 200 OK\r\n", "no colon\r\n\r\n"]])), [(200, "", false)]);
}

#[test]
fn the_reasons_without_an_answer_are_distinguished() {
    let message = |script: &[&str]| answers(&[script])[0].as_ref().map(|_| ()).expect_err("missed").clone();
    assert!(message(&[]).contains("closed before"));
    assert!(message(&["SSH-2.0-x\r\n"]).contains("not HTTP/1: \"SSH-2.0-x\""));
    assert!(
        message(&["HTTP/1.1 503 x\r\nno colon\r\n\r\n"])
            .contains("malformed (invalid header name): \"HTTP/1.1 503 x\"")
    );
    assert!(message(&["HTTP/1.1 503 x\r\nContent-Length: many\r\n\r\n"]).contains("\"Content-Length: many\""));
    assert!(message(&["HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\ncut"]).contains("closed before"));
}
