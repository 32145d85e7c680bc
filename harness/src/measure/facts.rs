//! Defines the facts of a stage and of an instance, by the kind of the stage.

use serde::{Deserialize, Serialize};

use super::kind::StageKind;
use super::own::OwnFacts;
use super::trial::Build;
use harness_rig::usage::{Reading, Series};

macro_rules! facts {
    ($($Kind:ident $kind:ident,)+) => {
        /// Facts of a stage that depend on its kind.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "a record has a few of them")]
        pub enum StageFacts {
            $($Kind(crate::stages::$kind::facts::Stage),)+
        }

        /// Facts of an instance that depend on the kind of its stage.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "an instance has far larger parts")]
        pub enum InstanceFacts {
            $($Kind(crate::stages::$kind::facts::Instance),)+
        }

        impl StageFacts {
            /// Returns the empty facts of a stage.
            pub fn new(kind: StageKind) -> Self {
                match kind {
                    $(StageKind::$Kind => Self::$Kind(Default::default()),)+
                }
            }

            pub const fn kind(&self) -> StageKind {
                match self {
                    $(Self::$Kind(_) => StageKind::$Kind,)+
                }
            }

            /// See [`OwnFacts::of_build`].
            #[must_use]
            pub fn of_build(&self, build: Build, size_bytes: Option<u64>) -> Self {
                match self {
                    $(Self::$Kind(facts) => Self::$Kind(facts.of_build(build, size_bytes)),)+
                }
            }
        }

        impl InstanceFacts {
            /// Returns the empty facts of an instance.
            pub fn new(kind: StageKind) -> Self {
                match kind {
                    $(StageKind::$Kind => Self::$Kind(Default::default()),)+
                }
            }

            /// See [`OwnFacts::readings`].
            pub fn readings(&self) -> Option<&Series<Reading>> {
                match self {
                    $(Self::$Kind(facts) => facts.readings(),)+
                }
            }

            /// See [`OwnFacts::outline`].
            #[must_use]
            pub fn outline(&self) -> Self {
                match self {
                    $(Self::$Kind(facts) => Self::$Kind(facts.outline()),)+
                }
            }

            /// See [`OwnFacts::pieces`].
            pub fn pieces(&self) -> Vec<Self> {
                match self {
                    $(Self::$Kind(facts) => facts.pieces().into_iter().map(Self::$Kind).collect(),)+
                }
            }

            /// See [`OwnFacts::add`]. A piece of another kind replaces the facts.
            pub fn add(&mut self, piece: Self) {
                match (self, piece) {
                    $((Self::$Kind(facts), Self::$Kind(piece)) => facts.add(piece),)+
                    (facts, piece) => *facts = piece,
                }
            }
        }

        $(
            impl From<crate::stages::$kind::facts::Stage> for StageFacts {
                fn from(facts: crate::stages::$kind::facts::Stage) -> Self {
                    Self::$Kind(facts)
                }
            }

            impl From<crate::stages::$kind::facts::Instance> for InstanceFacts {
                fn from(facts: crate::stages::$kind::facts::Instance) -> Self {
                    Self::$Kind(facts)
                }
            }
        )+
    };
}
each_kind!(facts);

impl Default for StageFacts {
    fn default() -> Self {
        Self::new(StageKind::default())
    }
}

impl Default for InstanceFacts {
    fn default() -> Self {
        Self::new(StageKind::default())
    }
}
