//! Listeners, the accept loop, and the shutdown of both programs.

mod http;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(crate) use self::http::{Version, Wire, accept_tls, drive, http2};
use crate::error::Error;

/// Thousands of connections may arrive at once; the kernel caps the value at its own limit.
const BACKLOG: i32 = 4096;

pub(crate) type Stop = watch::Receiver<()>;
/// Whether connections are accepted.
pub(crate) type Accepting = watch::Receiver<bool>;

/// Raises the soft limit of descriptors to the hard limit. The soft limit is 1024 on most hosts, and a proxy needs two
/// descriptors for each connection.
pub(crate) fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If this fails, connections beyond the limit wait.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Binds and listens, non-blocking, ready for [`TcpListener::from_std`].
pub(crate) fn bind(flag: &'static str, address: SocketAddr) -> Result<StdListener, Error> {
    let listen = || -> io::Result<StdListener> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // A second listen(2) only changes the backlog, which the standard library fixes at 128.
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(BACKLOG)?)?;
        Ok(listener)
    };
    listen().map_err(|cause| Error::Listen { flag, address, cause })
}

/// Builds a runtime. One worker means a single-threaded runtime, which is also the fastest per core.
pub(crate) fn runtime(workers: usize) -> Result<Runtime, Error> {
    let mut builder = match workers {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build().map_err(Error::setup("the runtime"))
}

/// Resolves at SIGINT, and at SIGTERM unless `ignore_sigterm` is set.
pub(crate) fn stop_signal(ignore_sigterm: bool) -> Result<impl Future<Output = ()>, Error> {
    let mut term = signal(SignalKind::terminate()).map_err(Error::setup("the SIGTERM handler"))?;
    let mut int = signal(SignalKind::interrupt()).map_err(Error::setup("the SIGINT handler"))?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = term.recv() => if !ignore_sigterm { return },
                _ = int.recv() => return,
            }
        }
    })
}

/// Accepts connections until `shutdown`, then waits until each of them has ended or its grace period is over. Refuses
/// connections while `accepting` is false.
pub(crate) async fn accept_until<C, F>(
    listener: TcpListener,
    accepting: Option<Accepting>,
    shutdown: impl Future<Output = ()>,
    mut connection: C,
) where
    C: FnMut(TcpStream, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopped) = watch::channel(());
    let serve = |stream: TcpStream| {
        // This fails on a socket that is already reset; the first read reports it.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(stream, stopped.clone()));
    };
    accept_all(listener, accepting, shutdown, serve).await;
    drop(stopped);
    let _ = stop.send(());
    stop.closed().await;
}

async fn accept_all(
    mut listener: TcpListener,
    mut accepting: Option<Accepting>,
    shutdown: impl Future<Output = ()>,
    mut serve: impl FnMut(TcpStream),
) {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => Some(accepted),
            () = changed(&mut accepting, false) => None,
            () = &mut shutdown => return,
        };
        match accepted {
            Some(Ok((stream, _))) => serve(stream),
            // Out of descriptors, or the client has gone: retry after a pause.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            None => {
                let reopened = tokio::select! {
                    reopened = reopen(listener, &mut accepting) => reopened,
                    () = &mut shutdown => return,
                };
                match reopened {
                    Ok(reopened) => listener = reopened,
                    Err(_) => return,
                }
            }
        }
    }
}

/// Waits until `accepting` has the value `wanted`; for ever when there is no switch.
async fn changed(accepting: &mut Option<Accepting>, wanted: bool) {
    if let Some(accepting) = accepting
        && accepting.wait_for(|is| *is == wanted).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Refuses connections until they are to be accepted again. On Linux, shutting down the reading side of a listening socket
/// stops it from listening but keeps its port, so no other process can take it, and the socket can listen again. A port that
/// was requested as 0 is released, which is an error here. The socket leaves the event loop meanwhile, because the event loop
/// would keep reporting the hang-up.
async fn reopen(listener: TcpListener, accepting: &mut Option<Accepting>) -> io::Result<TcpListener> {
    let listener = listener.into_std()?;
    let address = listener.local_addr()?;
    nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Read)?;
    changed(accepting, true).await;
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(BACKLOG)?)?;
    match listener.local_addr()? == address {
        true => TcpListener::from_std(listener),
        false => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Prints the line of `--announce`.
pub(crate) fn announce(line: &str) {
    use std::io::Write;
    let mut out = io::stdout().lock();
    // A closed stdout does not stop the server.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
