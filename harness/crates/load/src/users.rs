//! Goose: schedules the virtual users and decides which request each of them sends next. All else is ours.

use std::sync::Arc;

use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::{GooseConfiguration, GooseDefault, GooseDefaultType};
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};

use super::virtual_user::{Shared, VirtualUser};

/// Users started per second: all of them at once, so that they wait at the gate before the first trial.
const START_RATE: &str = "1000000";

/// Runs the shared's users until the process ends. Returns only when Goose gives up, with its reason.
///
/// Goose's own measuring is off: it would cost more than the request itself. Its users share one HTTP client, which none of
/// them uses; without that it would build one for each.
pub(super) async fn run(shared: Arc<Shared>) -> String {
    match attack(shared) {
        Ok(attack) => match attack.execute().await {
            Ok(_) => "goose ended the users".to_owned(),
            Err(error) => error.to_string(),
        },
        Err(message) => message,
    }
}

fn attack(shared: Arc<Shared>) -> Result<GooseAttack, String> {
    let mut scenario = Scenario::new("users");
    for (kind, request) in shared.job.requests.iter().enumerate() {
        let weight = usize::try_from(request.weight.max(1)).map_err(|error| error.to_string())?;
        let transaction = Transaction::new(turn(&shared, kind)).set_name(&request.name);
        scenario = scenario.register_transaction(transaction.set_weight(weight).map_err(|error| error.to_string())?);
    }
    let users = usize::try_from(shared.job.connections).map_err(|error| error.to_string())?;
    let client = GooseClientBuilder::new().without_cookies();
    GooseAttack::initialize_with_config(GooseConfiguration::default())
        .and_then(|attack| attack.set_default(GooseDefault::Host, "http://127.0.0.1/"))
        .and_then(|attack| attack.set_default(GooseDefault::Users, users))
        .and_then(|attack| attack.set_default(GooseDefault::IncreaseRate, START_RATE))
        .and_then(|attack| attack.set_default(GooseDefault::NoTelnet, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoMetrics, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoPrintMetrics, true))
        .and_then(|attack| attack.set_default(GooseDefault::NoGzip, true))
        .and_then(|attack| attack.set_default(GooseDefault::Quiet, 1))
        .and_then(|attack| attack.set_client_builder_without_cookies(client))
        .map(|attack| attack.register_scenario(scenario))
        .map_err(|error| error.to_string())
}

/// What Goose calls each time a user is to send a request of `kind`.
fn turn(shared: &Arc<Shared>, kind: usize) -> TransactionFunction {
    let shared = Arc::clone(shared);
    Arc::new(move |user: &mut GooseUser| {
        if user.get_session_data::<VirtualUser>().is_none() {
            let seat = VirtualUser::new(Arc::clone(&shared), user.weighted_users_index as u64);
            seat.arrive();
            user.set_session_data(seat);
        }
        Box::pin(async move {
            if let Some(seat) = user.get_session_data_mut::<VirtualUser>() {
                seat.take_turn(kind).await;
            }
            Ok(())
        })
    })
}
