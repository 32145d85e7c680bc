//! The process from `main` to its exit code.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::args::Role;
use super::{Args, Sidecar, faults, process, serve_admin, serve_proxy, worker};
use crate::clock::{Sleeper, nanos};
use crate::{Error, server};

/// How long the end waits for a proxy that does not stop: a frozen one never will.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// The whole program: serves until SIGTERM or SIGINT, or plays the part that `args` ask for.
///
/// `main_ns` is [`crate::clock::monotonic_ns`], read first thing in `main`. With `--exit-at-start` and
/// `--exit-after` the process exits from here with the code asked for.
///
/// # Errors
/// When an address cannot be bound, or a runtime, thread or child process cannot be started.
pub fn main_with(args: Args, main_ns: u64) -> Result<(), Error> {
    match (args.role, args.exit_at_start, args.double_fork) {
        (Some(Role::Worker), ..) => {
            worker::work(&args);
            Ok(())
        }
        (Some(Role::Session), ..) => process::start_session(),
        (None, Some(code), _) => exit_at_start(&args, code),
        (None, None, Some(mode)) => process::double_fork(mode),
        _ => serve(args, main_ns),
    }
}

fn exit_at_start(args: &Args, code: u8) -> ! {
    if let Some(message) = &args.stderr {
        // A closed stderr leaves the exit code to tell.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    std::process::exit(code.into());
}

/// The admin side and the signals live on this thread, the proxy on threads of its own that may freeze.
fn serve(args: Args, main_ns: u64) -> Result<(), Error> {
    server::raise_descriptor_limit();
    let listener = server::bind("--admin", args.admin)?;
    let sidecar = Sidecar::new(args, main_ns);
    faults::start_threads(&sidecar)?;
    let _worker = match sidecar.args.worker_child {
        true => Some(worker::start(&sidecar)?),
        false => None,
    };
    let ending = server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(sidecar.args.ignore_sigterm)?;
        let admin = TcpListener::from_std(listener).map_err(Error::setup("the listener"))?;
        let address = admin.local_addr().map_err(Error::setup("the listener"))?;
        let (stop_proxy, mut ended) = start_proxy(&sidecar, address)?;
        let mut early = None;
        let until = async {
            tokio::select! {
                () = stop => {
                    if sidecar.args.drop_on_term {
                        std::process::exit(0);
                    }
                }
                end = &mut ended => early = Some(end.unwrap_or_else(|_| Err(proxy_died()))),
            }
        };
        serve_admin(admin, Arc::clone(&sidecar), until).await;
        if let Some(result) = early {
            return result;
        }
        drop(stop_proxy);
        match tokio::time::timeout(STOP_DEADLINE, ended).await {
            Ok(end) => end.unwrap_or_else(|_| Err(proxy_died())),
            Err(_) => Ok(()),
        }
    });
    sidecar.flood.end();
    if sidecar.args.truth_on_exit {
        tell_truth(&sidecar);
    }
    ending
}

/// One line on stdout, so that whoever kept the log knows the truth after the end.
fn tell_truth(sidecar: &Sidecar) {
    if let Ok(truth) = serde_json::to_string(&sidecar.truth()) {
        // A closed stdout leaves nobody to tell.
        let _ = writeln!(std::io::stdout(), "truth {truth}");
    }
}

fn proxy_died() -> Error {
    Error::setup("the proxy thread")(std::io::Error::other("it panicked"))
}

type Ended = oneshot::Receiver<Result<(), Error>>;

/// Starts the proxy's threads. Dropping the sender stops them; the receiver tells how they ended.
fn start_proxy(sidecar: &Arc<Sidecar>, admin: SocketAddr) -> Result<(oneshot::Sender<()>, Ended), Error> {
    let (stop, stopped) = oneshot::channel();
    let (ended, end) = oneshot::channel();
    let sidecar = Arc::clone(sidecar);
    let work = move || {
        let result =
            server::runtime(sidecar.args.workers).and_then(|runtime| runtime.block_on(proxy(sidecar, admin, stopped)));
        // The receiver is gone when the process is already ending.
        let _ = ended.send(result);
    };
    std::thread::Builder::new().name("proxy".into()).spawn(work).map_err(Error::setup("the proxy thread"))?;
    Ok((stop, end))
}

async fn proxy(sidecar: Arc<Sidecar>, admin: SocketAddr, mut stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    let args = &sidecar.args;
    if !args.listen_after.is_zero() {
        let due = sidecar.truth.main_ns() + nanos(args.listen_after);
        let mut sleeper = Sleeper::default();
        tokio::select! {
            () = sleeper.sleep_until(due) => {}
            _ = &mut stopped => return Ok(()),
        }
    }
    let listener = server::bind("--listen", args.listen)?;
    sidecar.truth.set_listening();
    let listener = TcpListener::from_std(listener).map_err(Error::setup("the listener"))?;
    if args.announce {
        let address = listener.local_addr().map_err(Error::setup("the listener"))?;
        server::announce(&format!("listening {address} admin {admin}"));
    }
    if args.role == Some(Role::Serve) {
        process::tell_listening();
    }
    let shutdown = async {
        let _ = stopped.await;
    };
    serve_proxy(listener, Arc::clone(&sidecar), shutdown).await;
    Ok(())
}
