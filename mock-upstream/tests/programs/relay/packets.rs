//! UDP through the relay.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rand::Rng;

use super::{Running, relay};
use crate::spawned::wait_for;

/// Packets of a test.
const PACKETS: u32 = 4_000;

/// Starts a server that reports the number in every packet, and sends it back.
fn echo() -> (SocketAddr, Receiver<u32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, seen) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let number = u32::from_be_bytes(buffer[..4].try_into().unwrap());
            if sender.send(number).is_err() || socket.send_to(&buffer[..length], from).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

/// Sends all packets, slowly enough for the buffers of the kernel, and reads those that come back meanwhile.
fn send_all(relay: &Running) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(relay.address).unwrap();
    socket.set_nonblocking(true).unwrap();
    for number in 0..PACKETS {
        socket.send(&number.to_be_bytes()).unwrap();
        if number % 20 == 0 {
            thread::sleep(Duration::from_millis(1));
            while socket.recv(&mut [0; 64]).is_ok() {}
        }
    }
    socket
}

/// Returns the numbers that arrived at the server, in order, once the relay has passed on or lost all packets.
fn arrived(relay: &Running, seen: &Receiver<u32>) -> Vec<u32> {
    let direction = || relay.counts().routes[0].forward;
    wait_for("all packets", || {
        let forward = direction();
        forward.chunks + forward.lost == u64::from(PACKETS) + forward.duplicated
    });
    let expected = direction().chunks as usize;
    (0..expected).map(|_| seen.recv_timeout(Duration::from_secs(60)).unwrap()).collect()
}

/// Asserts that a count is one of a binomial number, within four standard deviations.
fn binomial(what: &str, count: u64, share: f64) {
    let (mean, deviation) = (f64::from(PACKETS) * share, (f64::from(PACKETS) * share * (1.0 - share)).sqrt());
    assert!((count as f64 - mean).abs() <= 4.0 * deviation, "{what}: {count}, expected {mean:.0} ± {deviation:.1}");
}

#[test]
fn as_many_packets_are_lost_and_duplicated_as_was_drawn() {
    let loss = f64::from(rand::rng().random_range(10..50)) / 10.0;
    let (server, seen) = echo();
    let relay = relay(server, &format!("--protocol udp --delay 1ms --loss {loss}% --duplicate 2%"));
    let _client = send_all(&relay);
    let numbers = arrived(&relay, &seen);
    let forward = relay.counts().routes[0].forward;
    binomial("lost", forward.lost, loss / 100.0);
    binomial("duplicated", forward.duplicated, 0.02 * (1.0 - loss / 100.0));
    let mut times: BTreeMap<u32, u64> = BTreeMap::new();
    numbers.iter().for_each(|number| *times.entry(*number).or_default() += 1);
    let missing = u64::from(PACKETS) - times.len() as u64;
    let twice = times.values().filter(|times| **times == 2).count() as u64;
    assert_eq!((missing, twice), (forward.lost, forward.duplicated), "the counters are what happened");
    assert_eq!((forward.kernel_dropped, forward.overflowed, forward.unsent), (0, 0, 0));
}

#[test]
fn packets_are_overtaken_only_if_they_are_reordered() {
    let inversions = |flags: &str| {
        let (server, seen) = echo();
        let relay = relay(server, &format!("--protocol udp --delay 1ms {flags}"));
        let _client = send_all(&relay);
        let numbers = arrived(&relay, &seen);
        let overtaken = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        (overtaken, relay.counts().routes[0].forward.reordered)
    };
    assert_eq!(inversions(""), (0, 0));
    let (overtaken, reordered) = inversions("--reorder 5% --reorder-by 5ms");
    binomial("reordered", reordered, 0.05);
    // Those that are held one after the other are overtaken together. One is not overtaken if the sender had no CPU for 5 ms after it, which
    // beside busy processes of higher priority was so for 122 of 197.
    assert!(overtaken > 0 && overtaken <= reordered, "{overtaken} inversions of {reordered}");
}

#[test]
fn the_same_seed_loses_the_same_packets() {
    let lost = |seed: u64| {
        let (server, seen) = echo();
        let relay = relay(server, &format!("--protocol udp --loss 10% --seed {seed}"));
        let _client = send_all(&relay);
        arrived(&relay, &seen)
    };
    assert_eq!(lost(7), lost(7));
    assert_ne!(lost(7), lost(8));
}

#[test]
fn each_client_gets_its_own_answers() {
    let (server, _seen) = echo();
    let relay = relay(server, "--protocol udp");
    let clients: Vec<UdpSocket> = (0..3)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(relay.address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            socket
        })
        .collect();
    for (number, client) in (10_u32..).zip(&clients) {
        client.send(&number.to_be_bytes()).unwrap();
    }
    for (number, client) in (10_u32..).zip(&clients) {
        let mut buffer = [0; 64];
        assert_eq!(client.recv(&mut buffer).unwrap(), 4);
        assert_eq!(buffer[..4], number.to_be_bytes());
    }
    assert_eq!(relay.counts().routes[0].connections, 3);
}
