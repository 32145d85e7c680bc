//! The process, from `main` to its exit code.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;

use harness_base::address::Address;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use nix::sys::prctl::set_thp_disable;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::args::{Args, Role};
use super::serve::{admin_at, proxy_at};
use super::state::Sidecar;
use super::{faults, process, stdio, worker};
use crate::clock::Sleeper;
use crate::error::Error;
use crate::server::{self, Bound};

/// Runs the whole program: serves until SIGTERM or SIGINT, or runs the role in `args`.
///
/// `main` is the instant at which `main` was entered. With `--exit-at-start` and `--exit-after` the process exits from here
/// with the given code, and with `--stdio` with that of the server.
///
/// # Errors
/// Returns an error when a file of TLS cannot be used, an address cannot be bound, or a runtime, thread or child process cannot be started.
pub fn main_with(args: Args, main: Mono) -> Result<(), Error> {
    match (args.role, args.exit_at_start, args.double_fork) {
        (Some(Role::Worker), ..) => {
            worker::work(&args);
            Ok(())
        }
        (Some(Role::Session), ..) => process::start_session(),
        (None, Some(code), _) => exit_at_start(&args, code),
        (None, None, Some(mode)) => process::double_fork(mode),
        _ if args.stdio => stdio::main(&args),
        _ => serve(args, main),
    }
}

fn exit_at_start(args: &Args, code: u8) -> ! {
    if let Some(message) = &args.stderr {
        // If stderr is closed, the exit code still reports the failure.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    std::process::exit(code.into());
}

/// Serves the admin side and handles signals on this thread; the proxy has its own threads, which may freeze.
fn serve(args: Args, main: Mono) -> Result<(), Error> {
    server::raise_descriptor_limit();
    if args.session_memory > 0 || args.held.request_memory > 0 {
        // Huge pages would make more memory resident than is written. A kernel without them refuses this.
        let _ = set_thp_disable(true);
    }
    let listener = Bound::new("--admin", &args.admin)?;
    let sidecar = Sidecar::new(args, main)?;
    sidecar.policy.load();
    faults::start_threads(&sidecar)?;
    let _worker = match sidecar.args.worker_child {
        true => Some(worker::start(&sidecar)?),
        false => None,
    };
    let ending = server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(sidecar.args.ignore_sigterm)?;
        let reload = reload(&sidecar)?;
        let admin = listener.start()?;
        let address = admin.address().map_err(Error::setup("the listener"))?;
        let (stop_proxy, mut ended) = start_proxy(&sidecar, address)?;
        let mut early = None;
        let until = async {
            tokio::select! {
                () = stop => {
                    if sidecar.args.drop_on_term {
                        std::process::exit(0);
                    }
                }
                () = reload => {}
                end = &mut ended => early = Some(end.unwrap_or_else(|_| Err(proxy_died()))),
            }
        };
        admin_at(admin, Arc::clone(&sidecar), until).await;
        if let Some(result) = early {
            return result;
        }
        drop(stop_proxy);
        match tokio::time::timeout(sidecar.args.stop.deadline(), ended).await {
            Ok(end) => end.unwrap_or_else(|_| Err(proxy_died())),
            Err(_) => Ok(()),
        }
    });
    sidecar.flood.end();
    if sidecar.args.truth_on_exit {
        print_truth(&sidecar);
    }
    ending
}

/// Begins a reload at each SIGHUP, without end, if there are reloads.
fn reload(sidecar: &Arc<Sidecar>) -> Result<impl Future<Output = ()> + use<>, Error> {
    let hangups = sidecar.reloads.is_on().then(|| signal(SignalKind::hangup())).transpose();
    let hangups = hangups.map_err(Error::setup("the SIGHUP handler"))?;
    let sidecar = Arc::clone(sidecar);
    Ok(async move {
        if let Some(mut hangups) = hangups {
            while hangups.recv().await.is_some() {
                sidecar.reloads.begin();
            }
        }
        std::future::pending().await
    })
}

/// Prints the truth as one line, so that it can be read from the log after the exit.
fn print_truth(sidecar: &Sidecar) {
    if let Ok(truth) = serde_json::to_string(&sidecar.truth()) {
        // This fails if stdout is closed.
        let _ = writeln!(std::io::stdout(), "truth {truth}");
    }
}

fn proxy_died() -> Error {
    Error::setup("the proxy thread")(std::io::Error::other("it panicked"))
}

type Ended = oneshot::Receiver<Result<(), Error>>;

/// Starts the proxy's threads. Dropping the sender stops them; the receiver gets their result.
fn start_proxy(sidecar: &Arc<Sidecar>, admin: Address) -> Result<(oneshot::Sender<()>, Ended), Error> {
    let (stop, stopped) = oneshot::channel();
    let (ended, end) = oneshot::channel();
    let sidecar = Arc::clone(sidecar);
    let work = move || {
        let result =
            server::runtime(sidecar.args.workers).and_then(|runtime| runtime.block_on(proxy(sidecar, admin, stopped)));
        // The receiver is dropped when the process is already exiting.
        let _ = ended.send(result);
    };
    std::thread::Builder::new().name("proxy".into()).spawn(work).map_err(Error::setup("the proxy thread"))?;
    Ok((stop, end))
}

async fn proxy(sidecar: Arc<Sidecar>, admin: Address, mut stopped: oneshot::Receiver<()>) -> Result<(), Error> {
    let args = &sidecar.args;
    if !args.listen_after.is_zero() {
        let due = sidecar.truth.main().after(Nanos::of(args.listen_after));
        let mut sleeper = Sleeper::default();
        tokio::select! {
            () = sleeper.sleep_until(due) => {}
            _ = &mut stopped => return Ok(()),
        }
    }
    let listener = Bound::new("--listen", &args.listen)?;
    sidecar.truth.set_listening();
    let listener = listener.start()?;
    if args.announce {
        let address = listener.address().map_err(Error::setup("the listener"))?;
        server::announce(&format!("listening {address} admin {admin}"));
    }
    if args.role == Some(Role::Serve) {
        process::notify_listening();
    }
    let shutdown = async {
        let _ = stopped.await;
    };
    proxy_at(listener, Arc::clone(&sidecar), shutdown).await;
    Ok(())
}
