//! Runs the rounds.

pub(crate) use crate::run::load::planned as run;
