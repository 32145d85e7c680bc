//! Implements the hidden command `harness __agent`: watches and samples the target in whose pod it runs.

use std::ffi::OsString;

use clap::Parser;

use super::error::Error;
use super::node::only_secret;
use harness_base::exit::Exit;
use harness_base::units::Nanos;
use harness_fleet::agent::{self, AgentOptions};
use harness_rig::target::{self, Endpoints, HttpUrl};

/// Watches the target in this pod come up, and samples it when the hub of a run says so.
#[derive(Debug, Parser)]
#[command(name = "__agent")]
struct AgentArgs {
    /// Address of the hub
    #[arg(long, value_name = "HOST:PORT")]
    hub: String,
    /// Name of this pod
    #[arg(long)]
    name: String,
    /// Where the target takes requests
    #[arg(long, value_name = "URL", value_parser = HttpUrl::parse)]
    proxy: HttpUrl,
    /// Answers 2xx once the target is alive
    #[arg(long, value_name = "URL", value_parser = HttpUrl::parse)]
    health: Option<HttpUrl>,
    /// Answers 2xx once the target can serve
    #[arg(long, value_name = "URL", value_parser = HttpUrl::parse)]
    ready: Option<HttpUrl>,
    /// Ledger of the bundled upstream
    #[arg(long, value_name = "URL", value_parser = HttpUrl::parse)]
    ledger: Option<HttpUrl>,
    /// Port of the upstream in this pod
    #[arg(long, value_name = "PORT")]
    direct_port: Option<u16>,
    /// Port to listen on once processes are watched
    #[arg(long, value_name = "PORT")]
    watching_port: Option<u16>,
    /// How long the target may take to come up
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = Nanos::parse)]
    deadline: Nanos,
    /// How long to try until the hub answers
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = Nanos::parse)]
    wait: Nanos,
}

/// Runs the agent with the arguments after the name of the program. Fails with clap's message if they are wrong.
pub(super) fn agent(argv: &[OsString]) -> Result<Result<Exit, Error>, clap::Error> {
    let args = AgentArgs::try_parse_from(argv)?;
    Ok(run(args))
}

fn run(args: AgentArgs) -> Result<Exit, Error> {
    let AgentArgs { hub, name, proxy, health, ready, ledger, direct_port, watching_port, deadline, wait } = args;
    let options = AgentOptions {
        hub,
        name,
        wait,
        secret: only_secret()?,
        exe: target::own_binary(),
        endpoints: Endpoints { proxy, health, ready, others: Vec::new() },
        deadline,
        ledger,
        direct_port,
        watching_port,
        app: direct_port.is_some(),
    };
    agent::run(options).map_err(|error| Error::tooling(&error))?;
    Ok(Exit::Pass)
}
