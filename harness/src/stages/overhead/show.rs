//! Rounds are shown as in every stage of them.

use crate::report::show::Show;

pub(crate) const SHOW: Show = Show::ROUNDS;
