//! What both programs share: listeners, the accept loop, and the end of the process.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Error;

/// Requests under way get this long to finish after the stop signal.
const GRACE: Duration = Duration::from_millis(300);
/// Five thousand connections may come at once; the kernel caps it at its own limit.
const BACKLOG: i32 = 4096;

pub(crate) type Stop = watch::Receiver<()>;
pub(crate) type Door = watch::Receiver<bool>;
pub(crate) type Connection<S, I = TcpStream> = http1::Connection<TokioIo<I>, S>;

/// Raises the limit of descriptors to what this process may have: the soft limit is 1024 on most hosts, and a proxy needs two for each
/// connection.
pub(crate) fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused, it stays as it is, and connections beyond it wait.
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
    listen().map_err(|source| Error::Listen { flag, address, source })
}

/// One worker is a single-threaded runtime, which is also the fastest per core.
pub(crate) fn runtime(workers: usize) -> Result<Runtime, Error> {
    let mut builder = match workers {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build().map_err(Error::setup("the runtime"))
}

/// Resolves at SIGINT, and at SIGTERM unless that is to be ignored.
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

/// Accepts until `shutdown`, then waits until every connection has ended or used up its grace. Where there is a door, connections are
/// refused while it is shut.
pub(crate) async fn accept_until<C, F>(
    listener: TcpListener,
    door: Option<Door>,
    shutdown: impl Future<Output = ()>,
    mut connection: C,
) where
    C: FnMut(TcpStream, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopped) = watch::channel(());
    let serve = |stream: TcpStream| {
        // A socket that is already reset refuses this; its first read will tell.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(stream, stopped.clone()));
    };
    accept_all(listener, door, shutdown, serve).await;
    drop(stopped);
    let _ = stop.send(());
    stop.closed().await;
}

async fn accept_all(
    mut listener: TcpListener,
    mut door: Option<Door>,
    shutdown: impl Future<Output = ()>,
    mut serve: impl FnMut(TcpStream),
) {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => Some(accepted),
            () = turns(&mut door, false) => None,
            () = &mut shutdown => return,
        };
        match accepted {
            Some(Ok((stream, _))) => serve(stream),
            // Out of descriptors or a client that left: waiting a little is all that can be done.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            None => {
                let reopened = tokio::select! {
                    reopened = reopen(listener, &mut door) => reopened,
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

/// Waits until the door is open, or shut; for ever where there is none.
async fn turns(door: &mut Option<Door>, open: bool) {
    if let Some(door) = door
        && door.wait_for(|is| *is == open).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Refuses connections until the door is open. On Linux a listening socket whose reading side is shut down listens no more, keeps its
/// port, which nobody else can take then, and can be made to listen again; only a port that was asked for as 0 is given back, and lost.
/// It leaves the event loop meanwhile, which would remember the hang-up for ever.
async fn reopen(listener: TcpListener, door: &mut Option<Door>) -> io::Result<TcpListener> {
    let listener = listener.into_std()?;
    let address = listener.local_addr()?;
    nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Read)?;
    turns(door, true).await;
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(BACKLOG)?)?;
    match listener.local_addr()? == address {
        true => TcpListener::from_std(listener),
        false => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Serves one connection to its end, or to the stop signal and the grace after it.
pub(crate) async fn drive<S, B, I>(connection: &mut Connection<S, I>, stop: &mut Stop) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    Connection<S, I>: Unpin,
{
    tokio::select! {
        ended = &mut *connection => return ended,
        _ = stop.changed() => {}
    }
    Pin::new(&mut *connection).graceful_shutdown();
    tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
}

/// Writes the one line that `--announce` asks for.
pub(crate) fn announce(line: &str) {
    use std::io::Write;
    let mut out = io::stdout().lock();
    // Nobody reading is no reason to stop serving.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
