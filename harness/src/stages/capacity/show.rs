//! Shows rounds like every stage with rounds.

use crate::report::show::Show;

pub(crate) const SHOW: Show = Show::ROUNDS;
