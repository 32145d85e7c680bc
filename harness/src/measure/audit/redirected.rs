//! Checks that the direct arm reached the upstream without anything between.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Blame, Check, Evidence, Found, Limits, Rule};
use harness_load::facts::Arm;

/// Checks that the direct arm reached the upstream in the pod of the target from a node. A mesh that redirects connections to its own proxy
/// opens new ones, which come from the pod itself, so none comes from a node. Those that the target keeps open for its own arm come from the
/// pod too. No limit switches this off, because both arms are proxied then, and their difference is that of two proxies. Open connections of
/// which none was seen are unknown, which does not pass.
pub(super) fn redirected(evidence: &Evidence<'_>, _: &Limits) -> Option<Check> {
    let peers = evidence.peers.filter(|_| evidence.arm == Arm::Direct && !evidence.both_to_target)?;
    if peers.is_empty() {
        return Some(Check::unread(Rule::Redirected, 0.0));
    }
    let nodes: BTreeSet<IpAddr> = evidence.nodes_at.iter().map(IpAddr::to_canonical).collect();
    let (known, others): (BTreeSet<IpAddr>, BTreeSet<IpAddr>) =
        peers.iter().map(IpAddr::to_canonical).partition(|peer| nodes.contains(peer));
    let from = others.first().copied().filter(|_| known.is_empty());
    Some(Check::new(Found::Redirected { from, others: others.len() as u64 }, from.is_none(), Blame::Host))
}

#[cfg(test)]
mod tests {
    use super::super::rejecting;
    use super::*;
    use harness_base::units::Rate;
    use harness_load::facts::{LedgerRule, LoadFacts};
    use harness_load::pace::Pace;
    use harness_rig::usage::Series;

    #[test]
    fn a_direct_arm_that_reaches_the_upstream_from_elsewhere_is_redirected() {
        let nodes = [IpAddr::from([10, 0, 0, 7]), IpAddr::from([10, 0, 0, 8])];
        let mapped = "::ffff:10.0.0.7".parse().unwrap();
        let inside = IpAddr::from([127, 0, 0, 6]);
        let found = |arm, peers: Option<&[IpAddr]>| {
            let (load, series) = (LoadFacts::default(), Series::default());
            let evidence = Evidence {
                arm,
                offered: Pace::constant(Rate(1000.0)),
                connections: 10,
                load: &load,
                ledger: None,
                ledger_rule: LedgerRule::Exact,
                relays: &[],
                readings: &series,
                target_cpus: 1.0,
                both_to_target: false,
                on_host: &[],
                peers,
                nodes_at: &nodes,
            };
            redirected(&evidence, &Limits::default())
        };
        assert!(found(Arm::Direct, Some(&[nodes[1], mapped])).unwrap().passed, "a mapped address is the same address");
        assert!(found(Arm::Proxied, Some(&[inside])).is_none(), "the target itself reaches the upstream");
        assert!(found(Arm::Direct, None).is_none());
        let unread = found(Arm::Direct, Some(&[])).unwrap();
        assert_eq!((unread.rule(), unread.passed), (Rule::Redirected, false));
        assert_eq!(rejecting(std::slice::from_ref(&unread)), Some(&unread));
        let idle = IpAddr::from([127, 0, 0, 1]);
        let check = found(Arm::Direct, Some(&[idle, nodes[0]])).unwrap();
        assert!(check.passed, "the target keeps connections open while the direct arm sends");
        let check = found(Arm::Direct, Some(&[inside])).unwrap();
        let text = "the direct arm reached the upstream from 127.0.0.6 and from no node: something in the pod or the mesh redirects it";
        assert_eq!((check.passed, check.blame, check.to_string().as_str()), (false, Some(Blame::Host), text));
        assert_eq!(rejecting(std::slice::from_ref(&check)), Some(&check));
    }
}
