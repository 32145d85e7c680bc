//! Defines the kinds of stages.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($Kind:ident $kind:ident,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum StageKind {
            $($Kind,)+
        }

        impl StageKind {
            /// Every kind, in the order in which `docs/metrics.md` lists them.
            pub const ALL: &'static [Self] = &[$(Self::$Kind,)+];

            /// Returns its name in a scenario.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($kind),)+
                }
            }
        }
    };
}
each_kind!(kinds);

impl Default for StageKind {
    fn default() -> Self {
        Self::ALL[0]
    }
}
