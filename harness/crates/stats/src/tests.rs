//! Compares the statistics with reference values from scipy, and checks the properties that all procedures share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod properties;
mod reference;

use crate::sample::tests::sample;
