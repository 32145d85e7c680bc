//! Reads `[stage.constrained]`.

use super::facts::Stage;
use super::work::Work;
use crate::measure::group::ResourceLimits;
use crate::scenario::stage::base::{Base, Common};
use crate::scenario::stage::kind::{Kind, Place};
use crate::scenario::stage::load::{CONNECTIONS, Defaults, Loop};
use crate::spec::Section;
use crate::work;
use harness_base::units::{Bytes, Nanos};

pub(crate) const KIND: Kind = Kind { place: Place::Stage(read), about: "loads the target within resource limits" };

/// Default limits, typical of a sidecar in a pod: half a CPU and 128 MiB.
const SIDECAR: ResourceLimits = ResourceLimits { cpus: Some(0.5), memory: Some(Bytes::from_mebi(128)), pids: None };

const DEFAULTS: Defaults = Defaults {
    arrivals: Loop::Either,
    vus: CONNECTIONS,
    rounds: 10,
    warmup: Nanos::from_millis(500),
    window: Nanos::from_millis(2000),
};

fn read(section: &Section<'_>, base: &Base<'_>, common: &mut Common) -> work::Work {
    common.read_surroundings(section, base);
    common.read_limits_or(section, base, SIDECAR);
    common.read_requests(section, base);
    Work { load: common.read_arms(section, base, &DEFAULTS), facts: Stage::default() }.into()
}
