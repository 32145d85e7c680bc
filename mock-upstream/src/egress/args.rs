use std::path::PathBuf;

use harness_base::address::Address;
use serde_json::Value;

/// Plays foreign HTTPS hosts for a target, behind a proxy that connects to no others.
///
/// The commands `hits` and `refused` on stdin report the requests since the last such command, and what was refused so far.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "egress", version)]
pub struct Args {
    /// Address of the proxy, which accepts CONNECT to port 443 of the hosts and answers everything else with 403
    #[arg(long)]
    pub listen: Address,
    /// Address at which the hosts answer without the proxy too, for example 172.18.0.1:443
    #[arg(long, value_name = "ADDRESS")]
    pub direct: Option<Address>,
    /// Certificate chain for all hosts, a PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_cert: PathBuf,
    /// Private key of --tls-cert, a PEM file
    #[arg(long, value_name = "FILE")]
    pub tls_key: PathBuf,
    /// A host and its answers: {"name": "slack", "host": "slack.com", "approve_after_ns": 0, "answers": {"slack": {"reaction": "+1"}}}
    #[arg(long = "host", value_name = "JSON", required = true, value_parser = parse_host)]
    pub hosts: Vec<HostSpec>,
    /// Answer the commands on stdin and stdout, one per line
    #[arg(long)]
    pub admin_stdio: bool,
}

/// A host and its answers.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    /// Its name in reports.
    pub name: String,
    /// Its DNS name in lower case.
    pub host: String,
    /// The time from a request for approval until the approval is given.
    pub approve_after_ns: u64,
    pub answers: Answers,
}

/// What a host answers.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answers {
    /// The part of Slack's API that approvals need. The approval is this reaction to a message.
    Slack { reaction: String },
    /// A fixed answer for each route, and 404 for all others.
    Routes(Vec<RouteSpec>),
}

/// A route and its answer.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    pub method: String,
    /// The path without a query.
    pub path: String,
    pub status: u16,
    pub json: Value,
    /// The answer from the last approval on; absent if it does not change.
    #[serde(default)]
    pub approved: Option<Value>,
    /// Whether a request to it is a request for approval.
    #[serde(default)]
    pub asks: bool,
}

fn parse_host(text: &str) -> Result<HostSpec, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_from_json() {
        let slack = r#"{"name":"slack","host":"slack.com","approve_after_ns":5,"answers":{"slack":{"reaction":"+1"}}}"#;
        assert_eq!(parse_host(slack).unwrap().answers, Answers::Slack { reaction: "+1".to_owned() });
        let routes = r#"{"name":"a","host":"a.test","approve_after_ns":0,"answers":{"routes":[
            {"method":"POST","path":"/ask","status":201,"json":{"ok":true},"asks":true}]}}"#;
        let Answers::Routes(routes) = parse_host(routes).unwrap().answers else { panic!("routes") };
        assert!(routes[0].asks && routes[0].approved.is_none());
        assert!(parse_host(r#"{"name":"a"}"#).is_err());
    }
}
