//! Agents watch the target of a fleet.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::agent::{FakeAgent, InWindow};
use super::listening::{Listening, Way};
use super::support::{Fake, job, order, response_times};
use crate::frame::text;
use crate::hello::{About, Hello, Reply, Role, Welcome};
use crate::order::HubEvent;
use crate::pod::{AgentOrder, CameUp, PodAnswer, PodCommand, Sampled, ToHub};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::frames::ToChild;
use harness_load::shift::shifted;
use harness_load::{Generator, Streams};

const DAY: i64 = 86_400_000_000_000;

/// Two clocks that were compared differ by less than this from what was found, however busy the host is.
const SOON: Nanos = Nanos::from_secs(5);

/// Assembles a fleet of two nodes on the machines a and b, for a control whose clock is so far ahead.
async fn fleet(ahead_ns: i64) -> (Way, Streams) {
    let mut hub = Listening::start(2, Nanos::from_secs(60), Some(ahead_ns)).await;
    for boot in ["a", "b"] {
        let hello = on_machine(hub.way.hello("node"), boot);
        let (stream, _) = hub.way.knock(&hello).await;
        let fake = Fake { ahead_ns: DAY, response: response_times(10), ..Fake::default() };
        tokio::spawn(fake.serve(stream));
        assert!(matches!(hub.event().await, HubEvent::Joined(_)));
    }
    assert!(matches!(hub.event().await, HubEvent::Assembled { .. }));
    (hub.way, hub.streams)
}

fn on_machine(hello: Hello, boot: &str) -> Hello {
    Hello { about: About { boot: Some(boot.to_owned()), ..hello.about }, ..hello }
}

/// Lets an agent on machine b join.
async fn join(way: &Way, name: &str, agent: FakeAgent) -> JoinHandle<()> {
    let hello = Hello { role: Role::Agent, ..on_machine(way.hello(name), "b") };
    let (stream, reply) = way.knock(&hello).await;
    assert_eq!(reply, Reply::Welcome(Welcome { index: 0, of: 1 }));
    tokio::spawn(agent.serve(stream, hello.about))
}

fn begin(agent: &str, wait: Nanos) -> PodCommand {
    PodCommand::Begin { agent: agent.to_owned(), order: AgentOrder { target: "ab12".to_owned() }, wait }
}

async fn ask(streams: &mut Streams, command: PodCommand) -> PodAnswer {
    let answer = streams.ask(&ToHub::Pod(command), Duration::from_secs(20)).await.unwrap();
    serde_json::from_value(answer).unwrap()
}

async fn refused(streams: &mut Streams, command: PodCommand) -> String {
    match ask(streams, command).await {
        PodAnswer::Failed { message } => message,
        other => panic!("{other:?}"),
    }
}

/// Runs a trial by a clock that is so far ahead. Returns the start of its window, and what was reported beside it.
async fn trial(generator: &mut Generator, ahead_ns: i64) -> (Mono, Vec<PodAnswer>) {
    let mut order = order();
    order.start_at = shifted(order.start_at, ahead_ns);
    let facts = generator.follow(order.clone(), |_| ()).await.unwrap();
    assert_eq!(facts.scheduled, 20);
    let ordered = order.start_at.after(order.warmup);
    assert!(facts.window_start >= ordered && facts.window_start.since(ordered) < SOON, "{}", facts.window_start.0);
    let beside = generator.take_beside().into_iter().map(|value| serde_json::from_value(value).unwrap());
    (facts.window_start, beside.collect())
}

fn instants(sampled: &Sampled) -> Vec<Mono> {
    sampled.readings.0.iter().map(|reading| reading.at).collect()
}

#[tokio::test]
async fn an_agent_samples_every_window_and_instants_are_by_the_clock_of_control() {
    // Days ahead; a clock that is behind could begin before the start of this machine.
    let (control_ahead, ahead_ns) = (3 * DAY, 7 * DAY);
    let (way, mut streams) = fleet(control_ahead).await;
    let begun = shifted(Mono::now(), control_ahead);
    let mut agent = None;
    let joining = async {
        sleep(Duration::from_millis(50)).await;
        agent = Some(join(&way, "pod", FakeAgent { ahead_ns, ..FakeAgent::default() }).await);
    };
    let (answer, ()) = tokio::join!(ask(&mut streams, begin("pod", Nanos::from_secs(10))), joining);
    let agent = agent.unwrap();
    let PodAnswer::Started(started) = answer else { panic!("{answer:?}") };
    assert_eq!((started.about.name.as_str(), started.on_host), ("pod", vec![1]));
    let CameUp::Up(up) = started.came_up else { panic!("it is up") };
    assert_eq!(up.program, ["ab12"]);
    assert!(up.spawned.0.abs_diff(begun.0) < SOON.0, "{} and {}", up.spawned.0, begun.0);

    let start = shifted(Mono::now(), control_ahead);
    let end = start.after(Nanos::from_millis(20));
    let answer = ask(&mut streams, PodCommand::Sample { start, end }).await;
    let PodAnswer::Sampled(sampled) = answer else { panic!("{answer:?}") };
    assert_eq!(instants(&sampled), [start, end], "the same offset was used there and back");
    assert!(sampled.clock_offset_ns.abs_diff(ahead_ns - control_ahead) < SOON.0, "{}", sampled.clock_offset_ns);

    let mut generator = Generator::over(streams, job(2)).await.unwrap();
    for _ in 0..2 {
        let (window_start, beside) = trial(&mut generator, control_ahead).await;
        let [PodAnswer::Sampled(sampled)] = beside.as_slice() else { panic!("{beside:?}") };
        assert_eq!(instants(sampled), [window_start, window_start.after(order().window)]);
    }
    let mut streams = generator.release().await.unwrap();
    assert_eq!(ask(&mut streams, PodCommand::End).await, PodAnswer::Ended);
    agent.await.unwrap();
    let mut generator = Generator::over(streams, job(2)).await.unwrap();
    assert!(trial(&mut generator, control_ahead).await.1.is_empty(), "no agent watches");
}

/// Runs a trial whose agent does this. Returns the message about its loss.
async fn loss(in_window: InWindow) -> String {
    let (way, mut streams) = fleet(0).await;
    join(&way, "pod", FakeAgent { in_window, ..FakeAgent::default() }).await;
    assert!(matches!(ask(&mut streams, begin("pod", Nanos::from_secs(10))).await, PodAnswer::Started(_)));
    let mut generator = Generator::over(streams, job(2)).await.unwrap();
    let (_, beside) = trial(&mut generator, 0).await;
    let [PodAnswer::Failed { message }] = beside.as_slice() else { panic!("{beside:?}") };
    assert!(message.starts_with("the agent of the pod was lost: "), "{message}");
    // Every further trial and command says the same, until the agent is ended.
    assert_eq!(trial(&mut generator, 0).await.1, beside);
    let mut streams = generator.release().await.unwrap();
    let now = Mono::now();
    assert_eq!(refused(&mut streams, PodCommand::Sample { start: now, end: now }).await, *message);
    assert_eq!(refused(&mut streams, PodCommand::End).await, *message);
    assert_eq!(ask(&mut streams, PodCommand::End).await, PodAnswer::Ended);
    join(&way, "pod", FakeAgent::default()).await;
    assert!(matches!(ask(&mut streams, begin("pod", Nanos::from_secs(10))).await, PodAnswer::Started(_)));
    message.clone()
}

#[tokio::test]
async fn the_loss_of_an_agent_is_reported_and_ends_no_trial() {
    let message = loss(InWindow::Leaves).await;
    assert!(message.ends_with("it closed the connection"), "{message}");
}

#[tokio::test]
async fn an_agent_that_answers_what_it_was_not_asked_is_lost() {
    let message = loss(InWindow::IsWrong).await;
    assert!(message.contains("does not answer the order"), "{message}");
}

#[tokio::test]
async fn an_agent_is_asked_by_its_name_and_only_while_no_job_is_open() {
    let (way, mut streams) = fleet(0).await;
    join(&way, "other", FakeAgent::default()).await;
    let now = Mono::now();
    let sample = PodCommand::Sample { start: now, end: now };
    assert_eq!(refused(&mut streams, sample.clone()).await, "no agent watches a pod");
    let missing = refused(&mut streams, begin("pod", Nanos::from_millis(100))).await;
    assert!(missing.starts_with("the agent pod did not join within "), "{missing}");
    assert!(matches!(ask(&mut streams, begin("other", Nanos::from_secs(10))).await, PodAnswer::Started(_)));

    let line = [text(&ToChild::Job(job(2))), b"\n".to_vec()].concat();
    streams.commands.write_all(&line).await.unwrap();
    assert_eq!(streams.answers.next_line().await.unwrap().unwrap(), "\"ready\"");
    assert!(refused(&mut streams, sample.clone()).await.ends_with("while a job is open"));
    streams.commands.write_all(b"\"stop\"\n").await.unwrap();
    assert!(matches!(ask(&mut streams, sample).await, PodAnswer::Sampled(_)));
}
