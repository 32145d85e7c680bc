//! A hub on another machine than control.

use tokio::net::{TcpListener, TcpStream};

use super::listening::{BINARY, Way};
use super::support::{Fake, job, order, response_times};
use crate::client::assemble_over;
use crate::hub::serve_remote;
use crate::order::{HubEvent, HubOrder};
use crate::secret::HubSecret;
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::shift::shifted;
use harness_load::{Generator, Streams};

/// How far control's clock is ahead.
const AHEAD: i64 = 86_400_000_000_000;

#[tokio::test]
async fn a_hub_serves_the_first_control_that_sends_something_by_its_clock() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hub = tokio::spawn(async move { serve_remote(BINARY, listener).await });
    // Somebody looks whether the port is open.
    drop(TcpStream::connect(address).await.unwrap());
    let (answers, commands) = TcpStream::connect(address).await.unwrap().into_split();
    let secret = HubSecret::generate().unwrap();
    let hub_order = HubOrder {
        listen: ([127, 0, 0, 1], 0).into(),
        nodes: 1,
        secret: secret.text(),
        wait: Nanos::from_secs(60),
        run_id: "run".to_owned(),
        now: Some(shifted(Mono::now(), AHEAD)),
    };
    let join = |event: &HubEvent| {
        let HubEvent::Listening { address } = event else { return };
        let way = Way { secret: secret.clone(), address: *address };
        tokio::spawn(async move {
            let (stream, _) = way.knock(&way.hello("a")).await;
            Fake { response: response_times(10), ..Fake::default() }.serve(stream).await;
        });
    };
    let (streams, nodes) = assemble_over(Streams::new(commands, answers), &hub_order, join).await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert!(TcpStream::connect(address).await.is_err(), "there is one control");

    let mut generator = Generator::over(streams, job(1)).await.unwrap();
    let mut order = order();
    order.start_at = shifted(order.start_at, AHEAD);
    let facts = generator.follow(order.clone(), |_| ()).await.unwrap();
    let ordered = order.start_at.after(order.warmup);
    assert!(facts.window_start >= ordered, "{} before {}", facts.window_start.0, ordered.0);
    assert!(facts.window_start.since(ordered) < Nanos::from_secs(5), "{} after {}", facts.window_start.0, ordered.0);
    drop(generator);
    hub.await.unwrap().unwrap();
}
