//! The relay as a program.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use harness_base::address::Address;
use harness_base::clock::Mono;
use harness_base::heartbeat::PERIOD;
use harness_base::timer::Timer;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::args::{Args, Protocol};
use super::counts::RelayReport;
use super::state::{Relay, Route};
use super::{tcp, udp};
use crate::error::Error;
use crate::pipes::Pipes;
use crate::server::{self, Bound, Listener, Stop};

/// A relay whose addresses are bound.
pub struct Relaying {
    doors: Vec<Door>,
    relay: Arc<Relay>,
}

/// A listener of either protocol.
enum Door {
    Tcp(Listener),
    Udp(UdpSocket),
}

/// Runs the whole program: relays until SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error when flags contradict each other, an address cannot be bound, or the runtime cannot be built.
pub fn main_with(args: Args) -> Result<(), Error> {
    server::raise_descriptor_limit();
    server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let relaying = Relaying::bind(&args)?;
        if args.announce {
            relaying.addresses().iter().for_each(|address| server::announce(&format!("listening {address}")));
        }
        if args.admin_stdio {
            let commanded = Arc::clone(&relaying.relay);
            tokio::spawn(Pipes::take()?.serve(move |command| commanded.obey(command)));
        }
        relaying.serve(stop).await;
        Ok(())
    })
}

impl Relaying {
    /// Binds the addresses of the flags in the present runtime, which should have one thread.
    ///
    /// # Errors
    /// Returns an error when flags contradict each other, or an address cannot be bound.
    pub fn bind(args: &Args) -> Result<Self, Error> {
        let impairment = args.impairment().map_err(|error| Error::Flags(error.into()))?;
        let pairs = args.pairs().map_err(|error| Error::Flags(error.into()))?;
        let (mut doors, mut routes) = (Vec::with_capacity(pairs.len()), Vec::with_capacity(pairs.len()));
        for (listen, to) in pairs {
            let (door, listen, inode) = open(args.protocol, listen)?;
            doors.push(door);
            routes.push((listen, to, inode));
        }
        Ok(Self { doors, relay: Arc::new(Relay::new(&routes, &impairment)) })
    }

    /// Returns the addresses, in the order of the flags, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.relay.routes.iter().map(|route| route.listen).collect()
    }

    /// Returns a function that reports what was relayed so far.
    #[must_use]
    pub fn counts(&self) -> Box<dyn Fn() -> RelayReport + Send> {
        let relay = Arc::clone(&self.relay);
        Box::new(move || relay.report())
    }

    /// Relays until `shutdown` resolves.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { doors, relay } = self;
        let (sender, stopped) = watch::channel(());
        let serve = |(door, route): (Door, &Arc<Route>)| tokio::spawn(pass(door, Arc::clone(route), stopped.clone()));
        let serving: Vec<_> = doors.into_iter().zip(&relay.routes).map(serve).collect();
        drop(stopped);
        let waits = watch_waits(&relay);
        let until = async {
            tokio::select! {
                () = shutdown => {}
                () = waits => {}
            }
        };
        relay.heartbeat.beat_until(until, |stall| relay.stalls.record(stall)).await;
        drop(sender);
        for served in serving {
            // A task that panicked has ended too.
            let _ = served.await;
        }
    }
}

/// Records how late the event loop notices that a timer is due. What arrives waits as long before it is read.
async fn watch_waits(relay: &Relay) {
    let mut timer = Timer::default();
    loop {
        let due = Mono::now().after(PERIOD);
        relay.waits.record(timer.until(due).await.since(due));
    }
}

/// Opens a listener. Returns it with its address, and the inode of a socket of packets.
fn open(protocol: Protocol, listen: SocketAddr) -> Result<(Door, SocketAddr, Option<u64>), Error> {
    match protocol {
        Protocol::Tcp => {
            let listener = Bound::new("--listen", &Address::Inet(listen))?.start()?;
            let address = listener.address().map_err(Error::setup("the listener"))?;
            let none = || Error::setup("the listener")(ErrorKind::AddrNotAvailable.into());
            Ok((Door::Tcp(listener), address.inet().ok_or_else(none)?, None))
        }
        Protocol::Udp => {
            let refused = |cause| Error::Listen { flag: "--listen", address: listen, cause };
            let socket = udp::bind(listen).map_err(refused)?;
            let file = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
            let address = socket.local_addr().map_err(Error::setup("the socket"))?;
            let socket = UdpSocket::from_std(socket).map_err(Error::setup("the socket"))?;
            Ok((Door::Udp(socket), address, file.map(|file| file.ino())))
        }
    }
}

/// Passes on what comes through one door until the relay stops.
async fn pass(door: Door, route: Arc<Route>, mut stopped: Stop) {
    let until = async {
        // The sender is dropped to stop.
        let _ = stopped.changed().await;
    };
    match door {
        Door::Tcp(listener) => {
            let serve = |socket, stop| tcp::serve(socket, Arc::clone(&route), stop);
            server::accept_until(listener, None, until, serve).await;
        }
        Door::Udp(socket) => {
            let packets = Arc::new(udp::Packets::new(route, socket));
            tokio::select! {
                () = packets.serve() => {}
                () = until => {}
            }
        }
    }
}
