//! Reads `[stage.approval]`.

use super::work::Work;
use crate::scenario::stage::base::{Base, Common, read_launches};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::at_least;
use crate::spec::Section;
use crate::work;
use harness_base::units::{Nanos, Rate};
use harness_base::words::nearest;
use harness_rig::target::spec::EgressHost;

pub(crate) const KIND: Kind = Kind {
    place: Place::Stage(read),
    about: "measures how soon the target asks a foreign host for approval, and answers once it is given",
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits(section, base);
    common.read_uncounted_requests(section, base);
    if common.requests.len() > 1 {
        let hint = "name one of them: request = [\"NAME\"]".to_owned();
        section.mistake("request", "sends one request at a time, so it needs exactly one", Some(hint));
    }
    let host = read_egress(section, base.egress);
    let approve_after = host.map_or(Nanos::ZERO, |host| host.approve_after);
    let timeout = common.requests.first().map(|request| request.timeout);
    if let Some(timeout) = timeout.filter(|timeout| *timeout <= approve_after && !section.describing()) {
        let message = format!(
            "the timeout of the request is {}, and the approval is given after {}",
            timeout.notation(),
            approve_after.notation()
        );
        section.mistake("", message, Some("set a longer timeout in [request]".to_owned()));
    }
    Work {
        egress: host.map(|host| host.name.clone()).unwrap_or_default(),
        launches: read_launches(section, 6),
        count: section.field("count", "requests of each launch, one at a time").check(at_least(1, "")).default(10),
        rate: section
            .field("rate", "requests per second; a request waits until the one before is answered")
            .default(Rate(2.0)),
        approve_after,
        failed_limit: common.audit.errors.0,
    }
    .into()
}

/// Finds the foreign host that is asked for approval.
fn read_egress<'a>(section: &Section<'_>, hosts: &'a [EgressHost]) -> Option<&'a EgressHost> {
    let about = "name of the [egress.NAME] that is asked for approval; default: the only one that can be asked";
    let name: Option<String> = section.field("egress", about).optional();
    if section.describing() {
        return None;
    }
    let can_be_asked: Vec<&EgressHost> = hosts.iter().filter(|host| host.is_asked()).collect();
    match (name, can_be_asked.as_slice()) {
        (Some(name), some) => {
            let found = some.iter().find(|host| host.name == name).copied();
            if found.is_none() {
                let near = nearest(&name, some.iter().map(|host| host.name.as_str()));
                let hint = near.map_or_else(
                    || "add builtin = \"slack\", or asks = true in one of its routes".to_owned(),
                    |near| format!("did you mean {near:?}?"),
                );
                section.mistake("egress", format!("no [egress.{name}] can be asked for approval"), Some(hint));
            }
            found
        }
        (None, [only]) => Some(only),
        (None, []) => {
            let hint =
                "add egress = \"builtin:slack\" at the top, or asks = true in a route of an [egress.NAME]".to_owned();
            section.mistake("", "needs a foreign host that is asked for approval", Some(hint));
            None
        }
        (None, [first, ..]) => {
            let hint = format!("write egress = {:?}", first.name);
            section.mistake("egress", "is missing: several foreign hosts can be asked for approval", Some(hint));
            None
        }
    }
}
