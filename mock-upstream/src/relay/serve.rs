//! The relay as a program.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use harness_base::address::Address;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::args::{Args, Protocol};
use super::state::{Relay, Route};
use super::{tcp, udp};
use crate::error::Error;
use crate::pipes::Pipes;
use crate::server::{self, Bound, Listener, Stop};

/// A listener of either protocol, outside of a runtime.
enum Door {
    Tcp(Bound),
    Udp(std::net::UdpSocket),
}

/// A listener of either protocol.
enum Open {
    Tcp(Listener),
    Udp(UdpSocket),
}

/// Runs the whole program: relays until SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error when flags contradict each other, an address cannot be bound, or the runtime cannot be built.
pub fn main_with(args: Args) -> Result<(), Error> {
    let impairment = args.impairment().map_err(|error| Error::Flags(error.into()))?;
    let pairs = args.pairs().map_err(|error| Error::Flags(error.into()))?;
    server::raise_descriptor_limit();
    let doors: Vec<Door> =
        pairs.iter().map(|(listen, _)| door(args.protocol, *listen)).collect::<Result<_, Error>>()?;
    server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let mut open = Vec::with_capacity(doors.len());
        let mut routes = Vec::with_capacity(doors.len());
        for (door, (_, to)) in doors.into_iter().zip(&pairs) {
            let (opened, listen, inode) = door.open()?;
            routes.push((listen, *to, inode));
            open.push(opened);
        }
        let relay = Arc::new(Relay::new(&routes, &impairment));
        if args.announce {
            routes.iter().for_each(|(listen, ..)| server::announce(&format!("listening {listen}")));
        }
        if args.admin_stdio {
            let commanded = Arc::clone(&relay);
            tokio::spawn(Pipes::take()?.serve(move |command| commanded.obey(command)));
        }
        let (sender, stopped) = watch::channel(());
        let serving: Vec<_> = open
            .into_iter()
            .zip(&relay.routes)
            .map(|(open, route)| tokio::spawn(serve(open, Arc::clone(route), stopped.clone())))
            .collect();
        drop(stopped);
        relay.heartbeat.beat_until(stop, |stall| relay.stalls.record(stall)).await;
        drop(sender);
        for served in serving {
            // A task that panicked has ended too.
            let _ = served.await;
        }
        Ok(())
    })
}

fn door(protocol: Protocol, listen: SocketAddr) -> Result<Door, Error> {
    match protocol {
        Protocol::Tcp => Bound::new("--listen", &Address::Inet(listen)).map(Door::Tcp),
        Protocol::Udp => udp::bind(listen)
            .map(Door::Udp)
            .map_err(|cause| Error::Listen { flag: "--listen", address: listen, cause }),
    }
}

impl Door {
    /// Returns the listener in the present runtime, its address, and the inode of a socket of packets.
    fn open(self) -> Result<(Open, SocketAddr, Option<u64>), Error> {
        match self {
            Self::Tcp(bound) => {
                let listener = bound.start()?;
                let address = listener.address().map_err(Error::setup("the listener"))?;
                let none = || Error::setup("the listener")(ErrorKind::AddrNotAvailable.into());
                let address = address.inet().ok_or_else(none)?;
                Ok((Open::Tcp(listener), address, None))
            }
            Self::Udp(socket) => {
                let inode = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
                let address = socket.local_addr().map_err(Error::setup("the socket"))?;
                let socket = UdpSocket::from_std(socket).map_err(Error::setup("the socket"))?;
                Ok((Open::Udp(socket), address, inode.map(|file| file.ino())))
            }
        }
    }
}

async fn serve(open: Open, route: Arc<Route>, mut stopped: Stop) {
    let until = async {
        // The sender is dropped to stop.
        let _ = stopped.changed().await;
    };
    match open {
        Open::Tcp(listener) => {
            server::accept_until(listener, None, until, |socket, stop| tcp::serve(socket, Arc::clone(&route), stop)).await;
        }
        Open::Udp(socket) => {
            let packets = Arc::new(udp::Packets::new(route, socket));
            tokio::select! {
                () = packets.serve() => {}
                () = until => {}
            }
        }
    }
}
