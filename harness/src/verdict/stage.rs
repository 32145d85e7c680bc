//! Dispatches judging to each kind of stage.

use serde::{Deserialize, Serialize};

use super::judgement::finding::Finding;
use super::judging::Judging;
use crate::measure::kind::StageKind;
use crate::measure::metric::{Absent, Metric};
use crate::measure::record::StageRecord;
use harness_stats::Estimate;

macro_rules! judgings {
    ($($Kind:ident $kind:ident,)+) => {
        /// Returns how a kind is judged.
        pub(crate) const fn judging(kind: StageKind) -> &'static Judging {
            match kind {
                $(StageKind::$Kind => &crate::stages::$kind::judge::JUDGING,)+
            }
        }
    };
}
each_kind!(judgings);

macro_rules! details {
    ($($Kind:ident $kind:ident,)+) => {
        /// The detail of a whole stage, in addition to its metrics.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "a judgement has a few of them")]
        pub enum Detail {
            $($Kind(crate::stages::$kind::judge::Judged),)+
        }

        impl Detail {
            /// Judges a stage as far as it ran; `None` for a kind without details.
            pub(crate) fn of(stage: &StageRecord) -> Option<Self> {
                let none = None;
                $(let none = none.or_else(|| crate::stages::$kind::judge::judge(stage).map(Self::$Kind));)+
                none
            }

            /// Returns the name of the stage.
            pub fn stage(&self) -> &str {
                match self {
                    $(Self::$Kind(found) => &found.stage,)+
                }
            }

            /// Returns its findings.
            pub(crate) fn findings(&self) -> Vec<Finding> {
                match self {
                    $(Self::$Kind(found) => found.findings(),)+
                }
            }

            /// Returns how a quantity changed over the stage.
            ///
            /// # Errors
            /// Returns [`Absent`] if it could not be judged.
            pub(crate) fn trend(&self, metric: &Metric) -> Result<Estimate, Absent> {
                match self {
                    $(Self::$Kind(found) => found.trend(metric),)+
                }
            }
        }
    };
}
each_detailed_kind!(details);
