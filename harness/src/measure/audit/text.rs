//! Formats the results of the audit as sentences for reports and progress. No code parses these sentences.

use std::fmt;

use super::{AtNode, Blame, Check, Found, JudgedLag, OwnProcess, ShareOf, Tag};
use harness_base::units::{Nanos, Ratio, grouped, three_digits};
use harness_load::facts::LedgerRule;

impl JudgedLag {
    /// Returns the name of the quantile, for example `p99`.
    pub fn quantile_name(&self) -> String {
        quantile_name(self.quantile)
    }
}

fn quantile_name(quantile: f64) -> String {
    format!("p{}", (quantile * 1000.0).round() / 10.0)
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(AtNode { index, of, name }) = &self.node {
            write!(out, "node {} of {of} ({name}): ", index + 1)?;
        }
        self.found.fmt(out)?;
        match (&self.found, self.blame) {
            (Found::Achieved { .. }, Some(Blame::Generator)) => {
                out.write_str(": the generator cannot offer this rate on this host")
            }
            (Found::Achieved { .. }, Some(Blame::Upstream)) => {
                out.write_str(": the upstream cannot carry the offered rate")
            }
            (Found::Achieved { .. }, Some(Blame::Target)) => {
                out.write_str(": the target cannot carry the offered rate")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accounting { scheduled, accounted } => {
                write!(out, "{} scheduled, {} accounted for", count(*scheduled), count(*accounted))
            }
            Self::Errors { errors, scheduled, outcomes, example, .. } => {
                let (errors, scheduled) = (count(*errors), count(*scheduled));
                write!(out, "{errors} of {scheduled} requests were errors ({})", outcomes.describe())?;
                for_example(out, example.as_deref())
            }
            Self::ErrorsBefore { errors, of, example } => {
                write!(out, "{errors} of {of} requests well before the fault were errors")?;
                for_example(out, example.as_deref())
            }
            Self::Achieved { share, rate, .. } => {
                write!(out, "{} % of the offered {rate} was answered", percent(*share))
            }
            Self::PacerLag { quantile: Some(quantile), lag_ns: Some(lag), limit_ns } => {
                let (name, lag, limit) = (quantile_name(*quantile), Nanos(*lag), Nanos(*limit_ns));
                write!(out, "pacer lag {name} {lag}, limit {limit}")
            }
            Self::PacerLag { .. } => out.write_str("no request was released"),
            Self::ReadLag { quantile, lag_ns, limit_ns } => {
                let (name, lag, limit) = (quantile_name(*quantile), Nanos(*lag_ns), Nanos(*limit_ns));
                write!(out, "read lag {name} {lag}, limit {limit}")
            }
            Self::Stall { process, share, share_of, limit } => {
                let (name, share, limit) = (process.name(), percent(*share), Ratio(*limit));
                match share_of {
                    ShareOf::Requests => {
                        write!(out, "stalls of the {name} overlap {share} % of the requests, limit {limit}")
                    }
                    ShareOf::Window => write!(out, "the {name} was stalled for {share} % of the window, limit {limit}"),
                    ShareOf::Reload => write!(out, "the {name} was stalled for {share} % of a reload, limit {limit}"),
                }
            }
            Self::Unsent { unsent, limit } => write!(out, "{} unsent, limit {limit}", count(*unsent)),
            Self::Ledger { method, tool, sent, upstream_hits, expected } => {
                let what = match (tool, method) {
                    (Some(tool), _) => format!("calls of the tool {tool}"),
                    (None, Some(method)) => format!("requests of {}", method.name()),
                    (None, None) => "requests".to_owned(),
                };
                let (sent, hits, demand) = (count(*sent), count(*upstream_hits), demand(*expected));
                write!(out, "{sent} {what} sent, the upstream received {hits} ({demand} expected)")
            }
            Self::LedgerSessions { deleted, agents, upstream, expected } => {
                let (did, demand) = (if *deleted { "deleted" } else { "opened" }, demand(*expected));
                let (agents, upstream) = (count(*agents), count(*upstream));
                write!(out, "agents {did} {agents} sessions, the upstream {did} {upstream} ({demand} expected)")
            }
            Self::LittlesLaw { counted, computed } => write!(
                out,
                "{} requests in flight as counted, {} as rate × mean service time",
                three_digits(*counted),
                three_digits(*computed)
            ),
            _ => self.write_about_host(out),
        }
    }
}

impl Found {
    /// Formats what was found about the nodes of a fleet.
    fn write_about_fleet(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skew { skew_ns, limit_ns } => {
                let (skew, limit) = (Nanos(*skew_ns), Nanos(*limit_ns));
                write!(out, "began {skew} after the first node, compared with their orders, limit {limit}")
            }
            Self::ClockError { error_ns, limit_ns } => {
                let (error, limit) = (Nanos(*error_ns), Nanos(*limit_ns));
                write!(out, "its clock is known to {error} only, limit {limit}")
            }
            Self::NodeShare { scheduled, share, limit } => {
                let (scheduled, share) = (count(*scheduled), grouped(share.round()));
                write!(out, "{scheduled} requests scheduled, an equal share is {share}, limit ± {}", Ratio(*limit))
            }
            Self::Redirected { from: Some(from), .. } => write!(
                out,
                "the direct arm reached the upstream from {from} and from no node: something in the pod or the mesh redirects it"
            ),
            Self::Redirected { from: None, .. } => out.write_str("the direct arm reached the upstream from nodes"),
            _ => Ok(()),
        }
    }

    /// Formats what was found about the host and the processes on it, rather than about requests.
    fn write_about_host(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RelayLag { path, quantile, lag_ns, limit_ns } => {
                let (name, lag, limit) = (quantile_name(*quantile), Nanos(*lag_ns), Nanos(*limit_ns));
                write!(out, "lag of the relay of the {} path {name} {lag}, limit {limit}", path.name())
            }
            Self::PathLoss { path, lost, packets, wanted } => {
                let (name, lost, packets) = (path.name(), count(*lost), count(*packets));
                write!(out, "netem lost {lost} of {packets} packets of the {name} path, {} wanted", Ratio(*wanted))
            }
            Self::Throttled { share, limit } => {
                let share = percent(*share);
                write!(
                    out,
                    "the CPU quota of the harness throttled it for {share} % of the window, limit {}",
                    Ratio(*limit)
                )
            }
            Self::ProbeGap { gap_ns, limit_ns } => {
                write!(out, "probes were up to {} apart, limit {}", Nanos(*gap_ns), Nanos(*limit_ns))
            }
            Self::Cold { pages } => write!(out, "cold: {} pages of the target were read from a disk", count(*pages)),
            Self::Unread { rule } => write!(out, "the values that rule {} needs could not be read", rule.name()),
            Self::Readings { share, limit } => {
                write!(out, "the readings of /proc cover {} % of the window, limit {}", percent(*share), Ratio(*limit))
            }
            Self::TargetCpu { share, cpus, limit } => {
                let (share, cpus) = (percent(*share), three_digits(*cpus));
                write!(out, "target used {share} % of {cpus} CPUs, limit {}", Ratio(*limit))
            }
            Self::Steal { share, limit } => {
                write!(out, "{} % of CPU time stolen, limit {}", percent(*share), Ratio(*limit))
            }
            Self::ForeignCpu { share, limit } => {
                write!(out, "{} % of CPU time used by other processes, limit {}", percent(*share), Ratio(*limit))
            }
            _ => self.write_about_fleet(out),
        }
    }
}

fn count(n: u64) -> String {
    grouped(n as f64)
}

fn percent(share: f64) -> String {
    three_digits(share * 100.0)
}

fn for_example(out: &mut fmt::Formatter<'_>, example: Option<&str>) -> fmt::Result {
    example.map_or(Ok(()), |example| write!(out, "; for example {example}"))
}

const fn demand(expected: LedgerRule) -> &'static str {
    match expected {
        LedgerRule::Exact => "exactly as many",
        LedgerRule::AtLeast => "at least as many",
        LedgerRule::None => "none",
        LedgerRule::Unknown => "any number",
    }
}

impl Check {
    /// Returns what to change; `None` if the rule holds.
    pub const fn hint(&self) -> Option<&'static str> {
        let Some(blame) = self.blame else { return None };
        Some(match &self.found {
            Found::Accounting { .. } => "the generator lost requests, which is a bug of harness: report it",
            Found::Errors { .. } => "check the target's log beside the result and `expect` of the request",
            Found::ErrorsBefore { of: 0, .. } => "lengthen `before`, or raise `rate`",
            Found::ErrorsBefore { .. } => "see the target's log beside the result",
            Found::Achieved { .. } | Found::Unsent { .. } => rate_hint(blame),
            Found::PacerLag { .. } | Found::ReadLag { .. } => {
                "the generator woke up late: use a quieter host, a lower `rate`, or a `cpuset` of its own"
            }
            Found::RelayLag { .. } => {
                "a relay of `network` was late: use a quieter host, a lower `rate`, or a host with more CPUs"
            }
            Found::PathLoss { .. } => {
                "netem did not lose what the scenario asks for; if this repeats, report it with the result"
            }
            Found::Stall { process: OwnProcess::Stopwatch, .. } => {
                "other programs kept the stopwatch from running: stop them (see `top`), then repeat"
            }
            Found::Stall { .. } => {
                "do not stop or freeze processes of the run; if none was, the hypervisor took the CPU: use another host"
            }
            Found::Throttled { .. } => {
                "raise the CPU quota of the container or job that harness runs in, or lower the load"
            }
            Found::ProbeGap { .. } => {
                "other processes kept the probes from running: stop them (see `top`), then repeat"
            }
            Found::Cold { .. } => {
                "the program was written or evicted since it last ran; later launches find it in memory"
            }
            Found::Unread { .. } => {
                "make /proc readable for harness; a limit of 1 for the rule in [audit] goes without it"
            }
            Found::Ledger { .. } | Found::LedgerSessions { .. } => {
                "the target answers requests itself, retries or drops them: see its log and `expect.upstream_hits`"
            }
            Found::LittlesLaw { .. } => {
                "latency, rate and concurrency contradict each other; if this repeats, report it with the result"
            }
            Found::Readings { .. } => {
                "other processes kept the sampler from running: stop them (see `top`), then repeat"
            }
            Found::TargetCpu { .. } => "near saturation latency is queueing, not overhead: lower `rate`",
            Found::Steal { .. } => "the hypervisor gave CPU time to other guests: repeat later or on another host",
            Found::ForeignCpu { .. } => "stop other programs on this host (see `top`), then repeat",
            Found::Skew { .. } => "a node began late: use quieter nodes, or nodes with more CPUs",
            Found::ClockError { .. } => "the way to this node is long or busy: use a nearer node or a quieter network",
            Found::NodeShare { .. } => "the nodes did not share one schedule, which is a bug of harness: report it",
            Found::Redirected { .. } => {
                "let the mesh leave this pod alone, for example with the annotation sidecar.istio.io/inject: \"false\""
            }
        })
    }
}

const fn rate_hint(blame: Blame) -> &'static str {
    match blame {
        Blame::Generator => "lower `rate`, or run on a host with more CPUs",
        Blame::Upstream => "lower `rate` or the upstream's `delay`, or raise `connections`",
        _ => "lower `rate` below what stage `capacity` finds, or raise `connections`",
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CoLocated { process, share } => {
                write!(out, "co-located: {} thread runnable {:.0} % of the window", process.name(), share * 100.0)
            }
        }
    }
}

impl OwnProcess {
    const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Upstream => "upstream",
            Self::Relay => "relay",
            Self::Stopwatch => "stopwatch",
            Self::Egress => "foreign host",
            Self::Keeper => "keeper",
        }
    }
}
