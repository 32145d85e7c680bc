//! Sends one request at a time, for callers that look at each answer instead of histograms.

use std::sync::Arc;

use super::arm_client::ArmClient;
use super::child_error::ChildError;
use super::deadline::Deadline;
use super::frames::ArmAddress;
use super::judge::Judge;
use super::prepared::{Prepared, Scratch};
use super::spec::Request;
use super::template::Fields;
use super::wire::Route;
use crate::outcome::Outcome;
use harness_base::clock::Mono;

/// A request cannot be sent to an arm.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SingleError(ChildError);

/// A client with one connection, on which its requests follow each other.
pub struct Single {
    client: ArmClient,
    prepared: Prepared,
    fields: Fields,
    judge: Judge,
    deadline: Deadline,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub outcome: Outcome,
    /// Just before the request was written. The connection was open before.
    pub sent: Mono,
    /// The last byte of the answer, or the failure.
    pub ended: Mono,
    /// The answer that was not as expected, or the error; absent if all was well.
    pub example: Option<String>,
}

impl Single {
    /// Prepares `request` for the arm at `address`. Must be called within a runtime.
    ///
    /// # Errors
    /// Returns an error when the request cannot be sent there, or its TLS cannot be set up.
    pub fn new(address: &ArmAddress, request: &Request, seed: u64) -> Result<Self, SingleError> {
        let route = Route::new(address).map_err(|cause| ChildError::Tls { arm: address.arm.name(), cause });
        Ok(Self {
            client: ArmClient::new(route.map_err(SingleError)?, Arc::default()),
            prepared: Prepared::new(request, address).map_err(SingleError)?,
            fields: Fields::new(seed, 0, 1),
            judge: Judge::default(),
            deadline: Deadline::new(),
        })
    }

    /// Sends the request and reads the answer to its end. Opens the connection before, unless it is open.
    pub async fn send(&mut self) -> Answered {
        let Self { client, prepared, fields, judge, deadline } = self;
        let mut scratch = Scratch::default();
        let message = prepared.message(fields, &mut scratch);
        let begun = Mono::now();
        deadline.set(begun, begun.after(prepared.timeout));
        if let Err((outcome, message)) = client.ensure(deadline).await {
            return Answered { outcome, sent: begun, ended: Mono::now(), example: Some(message) };
        }
        let sent = Mono::now();
        let completion = client.exchange(message, judge, deadline, None).await;
        let outcome = completion.outcome;
        let example = completion.message.or_else(|| (outcome != Outcome::Ok).then(|| judge.example()));
        Answered { outcome, sent: completion.sent.unwrap_or(sent), ended: completion.ended, example }
    }
}
