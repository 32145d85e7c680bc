//! Runs Goose, which schedules the virtual users and selects each user's next request.

use std::sync::Arc;

use goose::client::GooseClientBuilder;
use goose::config::{GooseConfiguration, GooseDefault, GooseDefaultType};
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};

use super::child_error::{ChildError, RequestError};
use super::virtual_user::{Shared, VirtualUser};

/// The number of users started per second: all at once, so that they wait at the gate before the first trial.
const START_RATE: &str = "1000000";

/// Runs the users until the process exits. Returns only when Goose fails, with the reason.
///
/// Goose's own metrics are off, because they would cost more than the request itself. Its users share one HTTP client, which they do
/// not use; otherwise Goose would build one for each user.
pub(super) async fn run(shared: Arc<Shared>) -> ChildError {
    match attack(&shared) {
        Ok(attack) => match attack.execute().await {
            Ok(_) => ChildError::GooseEnded,
            Err(error) => failed(error),
        },
        Err(error) => error,
    }
}

fn attack(shared: &Arc<Shared>) -> Result<GooseAttack, ChildError> {
    let mut scenario = Scenario::new("users");
    for (kind, request) in shared.job.requests.iter().enumerate() {
        let weight = usize::try_from(request.weight.max(1)).map_err(|_| ChildError::Request {
            request: request.name.clone(),
            reason: RequestError::Weight(request.weight),
        })?;
        let transaction = Transaction::new(turn(shared, kind)).set_name(&request.name);
        scenario = scenario.register_transaction(transaction.set_weight(weight).map_err(failed)?);
    }
    let users = usize::try_from(shared.job.users()).unwrap_or(usize::MAX);
    let client = GooseClientBuilder::new().without_cookies();
    let attack = GooseAttack::initialize_with_config(GooseConfiguration::default())
        .and_then(|attack| attack.set_default(GooseDefault::Host, "http://127.0.0.1/"))
        .and_then(|attack| attack.set_default(GooseDefault::Users, users))
        .and_then(|attack| attack.set_default(GooseDefault::IncreaseRate, START_RATE))
        .and_then(|attack| attack.set_default(GooseDefault::NoTelnet, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoMetrics, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoPrintMetrics, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoGzip, true))
        // Without it, Goose's client needs the certificates of the host, which a container may lack. The client sends nothing.
        .and_then(|attack| attack.set_default(GooseDefault::AcceptInvalidCerts, true))
        .and_then(|attack| attack.set_default(GooseDefault::Quiet, 1))
        .and_then(|attack| attack.set_client_builder_without_cookies(client))
        .map(|attack| attack.register_scenario(scenario))
        .map_err(failed)?;
    Ok(attack)
}

fn failed(error: GooseError) -> ChildError {
    ChildError::Goose(Box::new(error))
}

/// Returns the function that Goose calls for each request of `kind`.
fn turn(shared: &Arc<Shared>, kind: usize) -> TransactionFunction {
    let shared = Arc::clone(shared);
    Arc::new(move |user: &mut GooseUser| {
        if user.get_session_data::<VirtualUser>().is_none() {
            let virtual_user = VirtualUser::new(Arc::clone(&shared), user.weighted_users_index as u64);
            virtual_user.arrive();
            user.set_session_data(virtual_user);
        }
        Box::pin(async move {
            if let Some(virtual_user) = user.get_session_data_mut::<VirtualUser>() {
                virtual_user.take_turn(kind).await;
            }
            Ok(())
        })
    })
}
