//! Arguments of `harness fleet` and `harness node`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Selection;

const FLEET_EXAMPLES: &str = "Examples:
  eval \"$(harness fleet secret)\"                     set the secrets of a fleet in this shell
  harness fleet check scenarios/fleet.toml           what the engine lacks, without starting anything
  harness fleet rbac --namespace bench --subject ci:runner | kubectl apply -f -
                                                     the rights of a fleet on Kubernetes";

/// Arguments of `harness fleet`.
#[derive(Debug, Args)]
#[command(after_help = FLEET_EXAMPLES, arg_required_else_help = true)]
pub(in crate::cli) struct FleetArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: FleetAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FleetAction {
    /// Print commands for the shell that set a new secret of the hub, and the secret of its nodes
    Secret,
    /// State what the engine lacks for the fleet of a scenario, without starting anything
    Check(CheckFleetArgs),
    /// Print the Role with everything that a fleet on Kubernetes is allowed to do, for kubectl apply
    Rbac(RbacArgs),
}

/// Arguments of `harness fleet check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckFleetArgs {
    /// The scenario (TOML)
    pub(in crate::cli) scenario: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) selection: Selection,
}

/// Arguments of `harness fleet rbac`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RbacArgs {
    /// The namespace of the runs, to which the rights are limited
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(in crate::cli) namespace: String,
    /// Who gets the rights, in a RoleBinding: a user, or a service account with its namespace
    #[arg(long, value_name = "USER|NAMESPACE:NAME")]
    pub(in crate::cli) subject: Option<String>,
}

const NODE_EXAMPLES: &str = "Examples:
  HARNESS_FLEET_SECRET=node-... harness node join 10.0.0.5:7411
  HARNESS_FLEET_SECRET_FILE=/run/secrets/harness-fleet harness node join 10.0.0.5:7411 --name worker-b --wait 5m";

/// Arguments of `harness node`.
#[derive(Debug, Args)]
#[command(after_help = NODE_EXAMPLES, arg_required_else_help = true)]
pub(in crate::cli) struct NodeArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: NodeAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NodeAction {
    /// Join the hub of a run, send load until the run ends, and end
    Join(JoinArgs),
}

/// Arguments of `harness node join`.
#[derive(Debug, Args)]
pub(in crate::cli) struct JoinArgs {
    /// Address of the hub, as the run shows it
    #[arg(value_name = "HOST:PORT")]
    pub(in crate::cli) hub: String,
    /// Name of this node in reports [default: the name of this host]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// How long to try until the hub answers
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(in crate::cli) wait: String,
}
