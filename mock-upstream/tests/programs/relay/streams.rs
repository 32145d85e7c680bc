//! TCP through the relay.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rand::Rng;

use super::relay;
use crate::spawned::wait_for;

/// Only what never comes takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a server that sends back what it receives, one thread for each connection.
fn echo() -> SocketAddr {
    served(|mut stream| {
        let mut buffer = [0; 65_536];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    })
}

/// Starts a server.
fn served(serve: impl Fn(TcpStream) + Send + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a byte and waits for it to come back.
fn ping(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    begun.elapsed()
}

#[test]
fn everything_arrives_in_order_and_the_end_after_it() {
    let relay = relay(echo(), "--delay 5ms --jitter 5ms");
    let sent: Vec<u8> = (0..300_000).map(|_| rand::rng().random()).collect();
    let mut stream = connect(relay.address);
    let mut writer = stream.try_clone().unwrap();
    let written = sent.clone();
    let writer = thread::spawn(move || {
        for part in written.chunks(7_001) {
            writer.write_all(part).unwrap();
            thread::sleep(Duration::from_micros(300));
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(received == sent, "{} of {} bytes, or other ones", received.len(), sent.len());
    wait_for("the last bytes to be counted", || relay.counts().routes[0].backward.bytes == 300_000);
    let route = relay.counts().routes.remove(0);
    assert_eq!((route.connections, route.forward.bytes, route.backward.bytes), (1, 300_000, 300_000));
}

#[test]
fn nothing_arrives_before_its_delay_has_passed() {
    let delay_us: u64 = rand::rng().random_range(5_000..30_000);
    let relay = relay(echo(), &format!("--delay {delay_us}us"));
    let mut stream = connect(relay.address);
    for _ in 0..5 {
        let took = ping(&mut stream);
        assert!(took >= Duration::from_micros(2 * delay_us), "{took:?} with {delay_us} µs each way");
    }
    // The client can read a byte before the relay has counted it.
    wait_for("the last byte to be counted", || relay.counts().routes[0].backward.chunks == 5);
    let report = relay.counts();
    for direction in [report.routes[0].forward, report.routes[0].backward] {
        assert_eq!((direction.bytes, direction.chunks), (5, 5));
        assert!(direction.delay_sum_ns >= 5 * delay_us * 1_000, "{direction:?}");
    }
    assert_eq!(report.lags.iter().map(|step| step.count).sum::<u64>(), 10, "{:?}", report.lags);
    assert!(!report.waits.is_empty());
}

#[test]
fn no_direction_is_faster_than_its_bandwidth() {
    let rate: u64 = rand::rng().random_range(20..80);
    let relay = relay(echo(), &format!("--bandwidth {rate}Mbit/s"));
    let sent = vec![7; 250_000];
    let mut stream = connect(relay.address);
    let mut writer = stream.try_clone().unwrap();
    let begun = Instant::now();
    let writer = thread::spawn(move || writer.write_all(&sent));
    stream.read_exact(&mut vec![0; 250_000]).unwrap();
    let took = begun.elapsed();
    writer.join().unwrap().unwrap();
    let least = Duration::from_secs_f64(250_000.0 * 8.0 / (rate * 1_000_000) as f64);
    assert!(took >= least, "{took:?} at {rate} Mbit/s, which takes {least:?}");
}

#[test]
fn nothing_passes_during_a_stall() {
    let relay = relay(echo(), "--stall-every 200ms --stall-for 120ms");
    let mut stream = connect(relay.address);
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < Duration::from_millis(600) {
        longest = longest.max(ping(&mut stream));
    }
    assert!(longest >= Duration::from_millis(100), "the longest of all round trips took {longest:?}");
}

#[test]
fn a_connection_is_reset_after_so_many_bytes() {
    let relay = relay(echo(), "--reset-after 20B --reset-share 100%");
    let mut stream = connect(relay.address);
    for _ in 0..10 {
        ping(&mut stream);
    }
    stream.write_all(b"y").unwrap();
    let error = stream.read_exact(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    wait_for("the reset to be counted", || relay.counts().routes[0].reset == 1);
}

#[test]
fn a_reset_of_the_server_is_passed_on() {
    let server = served(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        // A socket that is closed with unread bytes is reset.
        stream.write_all(b"a").unwrap();
        thread::sleep(Duration::from_millis(50));
    });
    let relay = relay(server, "--delay 10ms");
    let mut stream = connect(relay.address);
    stream.write_all(b"xyz").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let ended = stream.read(&mut [0]);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(relay.counts().routes[0].reset, 0, "the relay resets nothing by itself");
}

#[test]
fn a_server_that_does_not_listen_refuses_the_client() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = relay(closed, "");
    let mut stream = connect(relay.address);
    // The reset can arrive before or after the write, and only one of both reports it.
    let written = stream.write_all(b"x").map_err(|error| error.kind());
    let ended = stream.read(&mut [0]).map_err(|error| error.kind());
    let is_reset = |kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(written.is_err_and(is_reset) || ended.is_err_and(is_reset), "{written:?}, {ended:?}");
    assert_eq!(relay.counts().routes[0].refused, 1);
}
