//! Defines the planned work of stages: plain data with every default filled in and every unit typed.

pub mod load;
pub mod matrix;
pub mod planned;
pub mod reported;
pub mod transports;

use harness_base::units::Nanos;
use harness_load::spec::{Request, WireSpec};
use harness_rig::paths::Paths;
use harness_rig::target::spec::Upstream;

use crate::measure::audit::Limits;
use crate::measure::group::ResourceLimits;
use crate::measure::kind::StageKind;
use planned::StageWork;
use reported::Reports;

#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name in the scenario.
    pub name: String,
    /// Whether the stage is skipped with a warning if it cannot run, instead of failing the run.
    pub optional: bool,
    /// The upstream; absent for a target that answers by itself.
    pub upstream: Option<Upstream>,
    pub requests: Vec<Request>,
    pub audit: Limits,
    /// The limits of the target; empty if nothing is limited.
    pub limits: ResourceLimits,
    /// CPUs that the target may use, instead of those of `[target]`.
    pub cpuset: Option<Vec<u64>>,
    /// What is spoken with the endpoints; HTTP/1.1 by the scheme of the endpoint where absent.
    pub wire: Option<WireSpec>,
    /// The impaired paths between generator, target and upstream; empty if nothing crosses a relay.
    pub network: Paths,
    /// What is read of its targets, which report it themselves.
    pub reports: Reports,
    /// Whether the base is measured too, which the plan decides.
    pub compared: bool,
    pub work: Work,
}

impl Stage {
    /// Returns whether netem makes a path of this stage.
    pub fn is_netem(&self) -> bool {
        let paths = [self.network.client, self.network.upstream];
        let own = self.work.planned().transports().and_then(|transports| transports.path);
        paths.into_iter().flatten().any(|path| path.netem.is_some()) || own.is_some_and(|path| path.netem)
    }
}

macro_rules! works {
    ($($Kind:ident $kind:ident,)+) => {
        /// The work of a stage, by its kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Work {
            $($Kind(crate::stages::$kind::work::Work),)+
        }

        impl Work {
            pub const fn kind(&self) -> StageKind {
                match self {
                    $(Self::$Kind(_) => StageKind::$Kind,)+
                }
            }

            /// Returns the planned work of any kind.
            pub fn planned(&self) -> &dyn StageWork {
                match self {
                    $(Self::$Kind(work) => work,)+
                }
            }

            pub fn planned_mut(&mut self) -> &mut dyn StageWork {
                match self {
                    $(Self::$Kind(work) => work,)+
                }
            }
        }

        $(
            impl From<crate::stages::$kind::work::Work> for Work {
                fn from(work: crate::stages::$kind::work::Work) -> Self {
                    Self::$Kind(work)
                }
            }
        )+
    };
}
each_kind!(works);

impl Stage {
    pub const fn kind(&self) -> StageKind {
        self.work.kind()
    }

    /// Returns whether the target runs within limits.
    pub fn is_limited(&self) -> bool {
        !self.limits.is_empty() || self.work.planned().limits_target()
    }

    /// Returns how long this stage takes if no round has to be repeated.
    pub fn expected_duration(&self) -> Nanos {
        self.work.planned().duration().times(if self.compared { 2 } else { 1 })
    }
}
