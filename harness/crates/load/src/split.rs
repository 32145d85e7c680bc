//! Splits what one generator would do among several.
//!
//! The totals stay in a job and an order, because the values of users and the instants at which they join depend on them; the stripe says
//! which share of them a generator takes.

use super::frames::{Job, TrialOrder};
use super::stripe::Stripe;

/// Returns the job of one of several generators. Together they have as many users as `job`, with the same random values.
pub fn split_job(job: &Job, stripe: Stripe) -> Job {
    Job { stripe: Some(stripe), ..job.clone() }
}

/// Returns the order of one of several generators. Together they send what `order` schedules.
pub fn split_order(order: &TrialOrder, stripe: Stripe) -> TrialOrder {
    TrialOrder { stripe: Some(stripe), ..order.clone() }
}
