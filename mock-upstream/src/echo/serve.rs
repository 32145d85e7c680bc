//! The server as a program.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use harness_base::address::Address;
use quinn::Endpoint;
use tokio::sync::watch;

use super::args::Args;
use super::state::Echo;
use super::{quic, tcp};
use crate::error::Error;
use crate::server::{self, Bound, Listener, Stop};
use crate::tls::Acceptor;

const FLAG: &str = "--listen";

/// How many ports are tried until one is free for both transports.
const TRIES: u32 = 16;

/// Runs the whole program: serves until SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error when a file of TLS cannot be used, an address cannot be bound, or the runtime cannot be built.
pub fn main_with(args: Args) -> Result<(), Error> {
    server::raise_descriptor_limit();
    let acceptor = Acceptor::new(&args.tls_cert, &args.tls_key, None)?.speaking(args.alpn.as_bytes());
    let tls = acceptor.for_quic(!args.no_early_data);
    let echo = Arc::new(Echo::new(&args, acceptor));
    server::runtime(1)?.block_on(async {
        let stop = server::stop_signal(false)?;
        let (endpoint, bound) = bind(args.listen, &tls)?;
        let listener = bound.start()?;
        if args.announce {
            let address = listener.address().map_err(Error::setup("the listener"))?;
            server::announce(&format!("listening {address}"));
        }
        let (sender, stopped) = watch::channel(());
        tokio::spawn(async move {
            stop.await;
            drop(sender);
        });
        tokio::join!(
            serve_tcp(listener, Arc::clone(&echo), stopped.clone()),
            quic::serve(endpoint, Arc::clone(&echo), stopped)
        );
        Ok::<(), Error>(())
    })?;
    if args.truth_on_exit {
        let truth = serde_json::to_string(&echo.truth()).unwrap_or_default();
        // This fails if stdout is closed.
        let _ = writeln!(io::stdout(), "truth {truth}");
    }
    Ok(())
}

async fn serve_tcp(listener: Listener, echo: Arc<Echo>, mut stopped: Stop) {
    let until = async {
        // The sender is dropped to stop.
        let _ = stopped.changed().await;
    };
    server::accept_until(listener, None, until, |socket, stop| tcp::serve(socket, Arc::clone(&echo), stop)).await;
}

/// Binds both transports to the same port number. QUIC comes first, so that a port of TCP that listens shows that both do.
fn bind(address: SocketAddr, tls: &rustls::ServerConfig) -> Result<(Endpoint, Bound), Error> {
    let mut tries = 1;
    loop {
        let refused = |cause| Error::Listen { flag: FLAG, address, cause };
        let endpoint = quic::bind(address, tls.clone()).map_err(refused)?;
        let own = endpoint.local_addr().map_err(refused)?;
        match Bound::new(FLAG, &Address::Inet(own)) {
            Ok(bound) => return Ok((endpoint, bound)),
            Err(error) if address.port() != 0 || tries == TRIES => return Err(error),
            // Another program has the port of TCP.
            Err(_) => tries += 1,
        }
    }
}
