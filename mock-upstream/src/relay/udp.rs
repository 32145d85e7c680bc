//! Relays UDP packets. A source address is a flow, which has a socket of its own towards the destination.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use harness_base::clock::Mono;
use harness_base::timer::Timer;
use harness_base::units::Nanos;
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use tokio::net::UdpSocket;

use super::counts::count;
use super::line::{Line, until};
use super::outbox::{Outbox, Packet};
use super::state::Route;

/// The longest UDP packet, in bytes.
const LONGEST: usize = 65_536;
/// The time without a packet after which a flow is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// The number of flows that exist at the same time, which bounds the descriptors.
const MOST_FLOWS: usize = 4096;
/// Bytes that the kernel may hold for the relay, where its own limit allows it.
const BUFFER: usize = 4 << 20;

/// The packets of one --listen.
#[derive(Debug)]
pub(crate) struct Packets {
    route: Arc<Route>,
    listener: UdpSocket,
    flows: Mutex<HashMap<SocketAddr, Arc<Flow>>>,
    forward: Outbox<Arc<Flow>>,
    backward: Outbox<Arc<Flow>>,
}

/// The socket towards the destination that stands for one client.
#[derive(Debug)]
struct Flow {
    client: SocketAddr,
    socket: UdpSocket,
    /// When it was used last.
    used: AtomicU64,
}

/// Binds a socket whose buffer is as large as the kernel allows.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    // A smaller buffer loses packets in a burst, which the kernel counts and the relay reports.
    let _ = setsockopt(&socket, RcvBuf, &BUFFER);
    Ok(socket)
}

impl Packets {
    pub(crate) fn new(route: Arc<Route>, listener: UdpSocket) -> Self {
        let (forward, backward) = (Outbox::default(), Outbox::default());
        Self { route, listener, flows: Mutex::default(), forward, backward }
    }

    /// Relays packets without end.
    pub(crate) async fn serve(self: Arc<Self>) {
        tokio::select! {
            () = self.receive() => {}
            () = self.emit(true) => {}
            () = self.emit(false) => {}
        }
    }

    /// Takes the packets of all clients.
    async fn receive(self: &Arc<Self>) {
        loop {
            if self.listener.readable().await.is_err() {
                continue;
            }
            while let Some((bytes, client)) = received(|buffer| self.listener.try_recv_from(buffer)) {
                let arrived = Mono::now();
                match self.flow(client) {
                    Some(flow) => {
                        flow.used.store(arrived.0, Relaxed);
                        take(&self.forward, &self.route.forward, (bytes, arrived), &flow);
                    }
                    None => count(&self.route.counts.refused),
                }
            }
        }
    }

    /// Takes the packets that the destination sends to one client, until the flow is idle.
    async fn receive_back(self: Arc<Self>, flow: Arc<Flow>) {
        loop {
            if tokio::time::timeout(IDLE, flow.socket.readable()).await.is_err() {
                let used = Mono(flow.used.load(Relaxed));
                if Mono::now().since(used) >= Nanos::of(IDLE) {
                    break;
                }
                continue;
            }
            while let Some((bytes, ())) = received(|buffer| Ok((flow.socket.try_recv(buffer)?, ()))) {
                let arrived = Mono::now();
                flow.used.store(arrived.0, Relaxed);
                take(&self.backward, &self.route.backward, (bytes, arrived), &flow);
            }
        }
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow.client);
    }

    /// Returns the flow of a client, a new one if it is not known; `None` if there are too many.
    fn flow(self: &Arc<Self>, client: SocketAddr) -> Option<Arc<Flow>> {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flow) = flows.get(&client) {
            return Some(Arc::clone(flow));
        }
        if flows.len() >= MOST_FLOWS {
            return None;
        }
        let socket = connected(self.route.to).ok()?;
        let flow = Arc::new(Flow { client, socket, used: AtomicU64::new(Mono::now().0) });
        flows.insert(client, Arc::clone(&flow));
        count(&self.route.counts.connections);
        tokio::spawn(Arc::clone(self).receive_back(Arc::clone(&flow)));
        Some(flow)
    }

    /// Sends the packets of one direction when they are due.
    async fn emit(&self, is_forward: bool) {
        let mut timer = Timer::default();
        let (outbox, line) = match is_forward {
            true => (&self.forward, &self.route.forward),
            false => (&self.backward, &self.route.backward),
        };
        loop {
            let due = outbox.next_due().await;
            tokio::select! {
                biased;
                () = until(&mut timer, due) => {}
                // Another packet may be due earlier.
                () = outbox.changed() => continue,
            }
            while let Some(packet) = outbox.pop(Mono::now()) {
                let now = Mono::now();
                // A socket that was opened just now is not known to be writable yet, so the packet waits until it is.
                let sent = match is_forward {
                    true => packet.way.socket.send(&packet.bytes).await,
                    false => self.listener.send_to(&packet.bytes, packet.way.client).await,
                };
                self.route.lags.record(now.since(packet.due));
                match sent {
                    Ok(_) => line.counts.pass(packet.bytes.len(), now.since(packet.arrived)),
                    Err(_) => count(&line.counts.unsent),
                }
            }
        }
    }
}

/// Decides what happens to a packet of a flow, and when it departs.
fn take(outbox: &Outbox<Arc<Flow>>, line: &Line, (bytes, arrived): (Bytes, Mono), flow: &Arc<Flow>) {
    let fate = line.fate();
    if fate.lost {
        return count(&line.counts.lost);
    }
    if outbox.bytes() + bytes.len() > line.room() {
        return count(&line.counts.overflowed);
    }
    let mut due = line.due(bytes.len(), arrived);
    if fate.reordered {
        count(&line.counts.reordered);
        due = due.after(line.held());
    }
    if fate.duplicated {
        count(&line.counts.duplicated);
        outbox.push(Packet { bytes: bytes.clone(), arrived, due, way: Arc::clone(flow) });
    }
    outbox.push(Packet { bytes, arrived, due, way: Arc::clone(flow) });
}

/// Opens a socket that exchanges packets with `to` only.
fn connected(to: SocketAddr) -> io::Result<UdpSocket> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = bind(SocketAddr::new(any, 0))?;
    socket.connect(to)?;
    UdpSocket::from_std(socket)
}

/// Takes the next packet without waiting; `None` if there is none. An error of an earlier packet, which the kernel reports here, is passed over.
fn received<F>(mut receive: impl FnMut(&mut [u8]) -> io::Result<(usize, F)>) -> Option<(Bytes, F)> {
    let mut buffer = [0; LONGEST];
    loop {
        match receive(&mut buffer) {
            Ok((length, from)) => return Some((Bytes::copy_from_slice(&buffer[..length]), from)),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}
