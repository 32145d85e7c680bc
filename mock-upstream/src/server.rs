//! Listeners, the accept loop, and the shutdown of both programs.

mod http;
mod listener;
mod socket;

use std::future::Future;
use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(crate) use self::http::{Driven, GRACE, Stop, Version, Wire, accept_tls, drive, http2};
pub(crate) use self::listener::{Bound, Listener};
pub(crate) use self::socket::Socket;
use crate::error::Error;

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
    listener: Listener,
    accepting: Option<Accepting>,
    shutdown: impl Future<Output = ()>,
    mut connection: C,
) where
    C: FnMut(Socket, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (stop, stopped) = watch::channel(());
    let serve = |socket| {
        tokio::spawn(connection(socket, stopped.clone()));
    };
    accept_all(listener, accepting, shutdown, serve).await;
    drop(stopped);
    let _ = stop.send(());
    stop.closed().await;
}

async fn accept_all(
    mut listener: Listener,
    mut accepting: Option<Accepting>,
    shutdown: impl Future<Output = ()>,
    mut serve: impl FnMut(Socket),
) {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => Some(accepted),
            () = changed(&mut accepting, false) => None,
            () = &mut shutdown => return,
        };
        match accepted {
            Some(Ok(socket)) => serve(socket),
            // Out of descriptors, or the client has gone: retry after a pause.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            None => {
                let reopened = tokio::select! {
                    reopened = listener.refuse_until(changed(&mut accepting, true)) => reopened,
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

/// Waits until `accepting` has the value `wanted`; without end when there is no switch.
async fn changed(accepting: &mut Option<Accepting>, wanted: bool) {
    if let Some(accepting) = accepting
        && accepting.wait_for(|is| *is == wanted).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Prints the line of `--announce`.
pub(crate) fn announce(line: &str) {
    use std::io::Write;
    let mut out = io::stdout().lock();
    // A closed stdout does not stop the server.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
