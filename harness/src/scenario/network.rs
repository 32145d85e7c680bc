//! Reads `[network]`: the impaired paths between generator, target and upstream.

use super::target::is_told_upstream;
use crate::spec::Section;
use crate::work::Stage;
use harness_base::units::{Bytes, Nanos, Ratio};
use harness_rig::paths::{Path, PathNetem, PathReset, PathStall, Paths};
use harness_rig::target::spec::{External, Launch, Spec as TargetSpec, Upstream};

const ABOUT: &str = "impaired paths, for stages with load; each crosses a relay of the harness";

/// The longest delay: twice as long is a request under way, and requests have time limits.
const LONGEST: Nanos = Nanos::from_secs(10);

/// What TCP hides from a relay: the key, and what it means.
const PACKETS: [(&str, &str); 3] = [
    (
        "loss",
        "a relay cannot lose packets of TCP, because the kernel acknowledges and repairs them before and behind it",
    ),
    ("duplicate", "a relay cannot duplicate packets of TCP, because the kernel drops duplicates before and behind it"),
    ("reorder", "a relay cannot reorder packets of TCP, because the kernel puts them in order before and behind it"),
];

/// What to write instead of the keys that need packets.
const WITHOUT_PACKETS: &str = "write netem = true in [network] where the kernel has netem, or leave it out; stalls and resets show how a target handles a bad path";

/// What the paths are between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends<'a> {
    pub(crate) target: &'a TargetSpec,
    pub(crate) upstream: Option<&'a Upstream>,
}

/// The network of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// The paths of stages that have none of their own.
    pub(crate) paths: Paths,
    /// Whether netem makes all paths of the run, those of stage `echo` included.
    pub(crate) netem: bool,
}

/// Reads `[network]` of the scenario.
pub(super) fn read(root: &Section<'_>, ends: Ends<'_>) -> Network {
    let section = root.table("network", ABOUT);
    let about = "whether netem of the kernel makes all paths, in a network namespace of the run; it needs root, and permits loss, duplicate and reorder";
    let netem = section.field("netem", about).default(false);
    if netem {
        check_inside(root, ends);
    }
    Network { paths: read_paths(&section, netem, ends), netem }
}

/// Reads `network` of a stage, which replaces that of the scenario.
pub(super) fn read_stage(section: &Section<'_>, base: Network, ends: Ends<'_>) -> Paths {
    let about = "impaired paths of this stage, instead of those of [network]; {} for none";
    let written = section.has("network");
    let own = section.table("network", about);
    own.refuse("netem", "holds for all stages, because a run has one network namespace", "write it in [network]");
    let paths = read_paths(&own, base.netem, ends);
    if written { paths } else { base.paths }
}

/// Refuses paths that no stage uses.
pub(super) fn check_used(root: &Section<'_>, Network { paths, netem }: Network, stages: &[Stage]) {
    let differs = |stage: &Stage| stage.is_netem() != netem && (stage.is_netem() || !stage.network.is_empty());
    if stages.iter().any(differs) {
        let hint = "write two scenarios, one with netem and one without".to_owned();
        root.mistake("network.netem", "cannot vary, because a run has one network namespace", Some(hint));
    } else if !paths.is_empty() && stages.iter().all(|stage| stage.network.is_empty()) {
        let hint = "remove it, or add a stage that counts its requests, such as [stage.overhead]".to_owned();
        root.mistake("network", "impairs nothing: no stage of this scenario uses it", Some(hint));
    } else if netem && !stages.iter().any(Stage::is_netem) {
        let hint = "remove it, or write a path, for example client = { delay = \"10ms\", loss = \"1%\" }".to_owned();
        root.mistake("network.netem", "makes nothing: no stage of this scenario has a path", Some(hint));
    }
}

/// Refuses what is outside of the network namespace of the run.
fn check_inside(root: &Section<'_>, Ends { target, upstream }: Ends<'_>) {
    let target = match &target.launch {
        Launch::Container(_) => Some(("target.container", "is in a network namespace of its engine")),
        Launch::Pod(_) => Some(("target.pod", "is on another machine")),
        // The substitute of the reader if the target itself has a mistake.
        Launch::External(External::Pid(0)) => None,
        Launch::External(_) => Some(("target.external", "runs already, in the network of the host")),
        Launch::Process(_) | Launch::Command(_) | Launch::Stdio(_) => None,
    };
    let hint = "remove netem from [network], or start the program with [target.process]";
    let upstream = matches!(upstream, Some(Upstream::Url(_)));
    let upstream = upstream.then_some(("upstream.url", "runs already, in the network of the host"));
    for (key, place) in target.into_iter().chain(upstream) {
        let hint =
            if key == "upstream.url" { "remove netem from [network], or write [upstream.builtin]" } else { hint };
        let message = format!("{place}, and netem impairs packets in the network namespace of the run only");
        root.mistake(key, message, Some(hint.to_owned()));
    }
}

fn read_paths(section: &Section<'_>, netem: bool, ends: Ends<'_>) -> Paths {
    let client = "between generator and target, and on the direct arm between generator and upstream";
    let upstream = "between target and upstream, and on the direct arm behind the client path";
    let paths = Paths {
        client: section.optional_table("client", client).map(|path| read_path(&path, netem)),
        upstream: section.optional_table("upstream", upstream).map(|path| read_path(&path, netem)),
    };
    if !section.describing() {
        check(section, paths, ends);
    }
    paths
}

fn read_path(section: &Section<'_>, netem: bool) -> Path {
    let short = |span: &Nanos| {
        let fits = *span <= LONGEST;
        if fits { Ok(()) } else { Err(format!("must be at most {}, is {}", LONGEST.notation(), span.notation())) }
    };
    let delay = section.field("delay", "delay of each direction; a round trip takes twice as long").check(short);
    let delay_ns = delay.default(Nanos::ZERO);
    let about = "largest difference from delay, drawn uniformly for each piece; order is kept";
    let jitter_ns = section.field("jitter", about).default(Nanos::ZERO);
    if jitter_ns > delay_ns {
        let message = format!("{} is more than the delay of {}", jitter_ns.notation(), delay_ns.notation());
        section.mistake("jitter", message, Some("nothing can arrive before it was sent: lengthen delay".to_owned()));
    }
    let about = "bits per second of each direction, over all connections, for example \"10Mbit/s\"; default: no limit";
    let bits_per_second = section.field("bandwidth", about).optional();
    let netem = read_netem(section, netem, delay_ns);
    let stall = section.optional_table("stall", "times at which nothing enters the path");
    let reset = section.optional_table("reset", "connections that are reset");
    Path {
        delay_ns,
        jitter_ns,
        bits_per_second,
        stall: stall.map(|stall| read_stall(&stall)),
        reset: reset.map(|reset| read_reset(&reset)),
        netem,
    }
}

/// Reads what netem does to packets; `None` for the path of a relay, which refuses it.
fn read_netem(section: &Section<'_>, netem: bool, delay: Nanos) -> Option<PathNetem> {
    if !netem && !section.describing() {
        for (key, message) in PACKETS {
            section.refuse(key, message, WITHOUT_PACKETS);
        }
        return None;
    }
    let loss = "with netem: share of the packets that are lost";
    let duplicate = "with netem: share of the packets that arrive twice";
    let reorder = "with netem: share of the packets that are not delayed, so that they overtake others";
    let read = |key, about| read_share(section, key, about).0;
    let packets = PathNetem {
        loss: read("loss", loss),
        duplicate: read("duplicate", duplicate),
        reorder: read("reorder", reorder),
    };
    check_overtakes(section, packets.reorder, delay);
    Some(packets)
}

/// Reads a share of the packets.
pub(crate) fn read_share(section: &Section<'_>, key: &'static str, about: &'static str) -> Ratio {
    let within = |share: &Ratio| match (0.0..1.0).contains(&share.0) {
        true => Ok(()),
        false => Err(format!("must be from 0% to less than 100%, is {}", share.notation())),
    };
    section.field(key, about).check(within).default(Ratio(0.0))
}

/// Refuses packets that overtake others where nothing is delayed.
pub(crate) fn check_overtakes(section: &Section<'_>, reorder: f64, delay: Nanos) {
    if reorder > 0.0 && delay == Nanos::ZERO {
        let message = "needs a delay: with netem, a packet overtakes others because it is not delayed";
        section.mistake("reorder", message, Some("add delay, or remove reorder".to_owned()));
    }
}

fn read_stall(section: &Section<'_>) -> PathStall {
    let every_ns: Nanos = section.field("every", "time from the start of one stall to that of the next").required();
    let for_ns: Nanos = section.field("for", "length of each stall, less than every").required();
    if section.has("every") && section.has("for") && (for_ns >= every_ns || for_ns == Nanos::ZERO) {
        let message = format!("must be longer than 0 and shorter than every, is {}", for_ns.notation());
        section.mistake("for", message, Some("write stall = { every = \"2s\", for = \"100ms\" }".to_owned()));
    }
    PathStall { every_ns, for_ns }
}

fn read_reset(section: &Section<'_>) -> PathReset {
    let about = "bytes that a connection carries before its reset, in both directions together";
    let after_bytes: Bytes = section.field("after", about).required();
    let within = |share: &Ratio| match share.0 > 0.0 && share.0 <= 1.0 {
        true => Ok(()),
        false => Err(format!("must be more than 0% and at most 100%, is {}", share.notation())),
    };
    let share = section.field("share", "share of the connections").check(within).default(Ratio(1.0));
    PathReset { after_bytes, share: share.0 }
}

/// Checks that both ends of each path are at TCP ports, and that the target gets the address of the relay.
fn check(section: &Section<'_>, paths: Paths, Ends { target, upstream }: Ends<'_>) {
    let at_port = "a relay passes on connections between TCP ports".to_owned();
    if let (Some(_), Launch::Command(_) | Launch::Stdio(_)) = (paths.client.or(paths.upstream), &target.launch) {
        section.mistake("", "needs a target that is a server", Some("remove [network]".to_owned()));
        return;
    }
    if paths.client.is_some() && target.endpoints.proxy.starts_with("unix:") {
        let hint = format!("{at_port}: remove it, or let the target listen at {{port.proxy}}");
        section.mistake("client", "the target listens at a unix socket", Some(hint));
    }
    if paths.upstream.is_none() {
        return;
    }
    let at_socket = match upstream {
        None => {
            let hint = "remove it, or add [upstream.builtin]".to_owned();
            section.mistake("upstream", "the scenario has no [upstream]", Some(hint));
            return;
        }
        Some(Upstream::Builtin(builtin)) => builtin.unix,
        Some(Upstream::Process { url, .. } | Upstream::Url(url)) => url.starts_with("unix:"),
        Some(Upstream::Stdio(_)) => true,
    };
    if at_socket {
        let hint = format!("{at_port}: remove it, or let the upstream listen at a port");
        section.mistake("upstream", "the upstream listens at no port", Some(hint));
    } else if !is_told_upstream(target) {
        let hint = "pass {upstream.url} or {upstream.address} to it in its command, env or files".to_owned();
        let message = "the target is not told where its upstream is, so it would go around the relay";
        section.mistake("upstream", message, Some(hint));
    }
}
