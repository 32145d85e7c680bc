use super::*;
use crate::mcp::workload::Revision;
use harness_base::units::{Bytes, Ratio};

fn workload(revision: Revision) -> Workload {
    let text = TextSize { median: Bytes(1000), sigma: 1.0, largest: Bytes(8000) };
    Workload { text, calls: 9, burst: (1, 4), abandoned: Ratio(0.5), ..Workload::plain(revision) }
}

fn page(tools: &[&'static str], cursor: Option<&'static str>) -> Page<'static> {
    Page { tools: tools.iter().map(|name| (*name).into()).collect(), cursor: cursor.map(Into::into) }
}

const OK: Ended = Ended { outcome: Outcome::Ok, status: 200 };

/// Takes one step with this end, and returns it.
fn take(agent: &mut Agent, workload: &Workload, ended: Ended) -> (Step, Sessions) {
    let step = agent.step(workload);
    assert_eq!(agent.step(workload), step, "a step stays the same until it was taken");
    let requests: Vec<Request> = (0..step.requests).map(|_| agent.request(step.method, workload)).collect();
    assert!(requests.windows(2).all(|pair| pair[0].id < pair[1].id), "{requests:?}");
    if step.method == Method::Initialize && ended.outcome == Outcome::Ok {
        agent.open(b"abc");
    }
    if step.method == Method::ToolsList {
        agent.learn(&page(&["one", "two"], None), workload);
    }
    let sessions = agent.after(step, ended, workload);
    (step, sessions)
}

#[test]
fn sessions_have_all_their_calls_and_are_abandoned_or_deleted() {
    let workload = workload(Revision::November2025);
    let (mut agent, mut sum, mut calls, mut bursts) = (Agent::new(1, 0), Sessions::default(), 0, Vec::new());
    let mut methods = Vec::new();
    while sum.begun < 401 {
        let (step, sessions) = take(&mut agent, &workload, OK);
        sum.merge(&sessions);
        if step.method == Method::ToolsCall {
            calls += step.requests;
            bursts.push(step.requests);
        } else {
            methods.push(step.method);
        }
    }
    assert_eq!(calls, 400 * 9);
    assert_eq!((sum.deleted + sum.abandoned, sum.lost), (400, 0));
    // Half of 400, give or take five standard deviations.
    assert!((150..=250).contains(&sum.deleted), "{sum:?}");
    assert!(bursts.iter().all(|burst| (1..=4).contains(burst)) && bursts.contains(&4));
    assert_eq!(methods[..3], [Method::Initialize, Method::Initialized, Method::ToolsList]);
    assert_eq!(methods.iter().filter(|method| **method == Method::Delete).count() as u64, sum.deleted);
}

#[test]
fn a_share_of_the_sessions_has_a_stream_and_a_share_of_the_bursts_is_a_batch() {
    let workload = Workload { listen: Ratio(0.5), batches: Ratio(0.3), burst: (2, 2), ..workload(Revision::March2025) };
    let (mut agent, mut sessions, mut listening) = (Agent::new(1, 0), 0, 0);
    let (mut bursts, mut batches) = (0, 0);
    while sessions < 400 {
        let (step, ended) = take(&mut agent, &workload, OK);
        sessions += ended.begun;
        listening += u64::from(step.method == Method::ToolsList && agent.listens());
        bursts += u64::from(step.requests == 2);
        batches += u64::from(step.batched);
        assert!(step.method != Method::Initialize || !agent.listens(), "a stream ends with its session");
        assert!(!step.batched || step.requests == 2, "one call is no batch");
    }
    // Give or take five standard deviations.
    assert!((150..=250).contains(&listening), "{listening} of 400 sessions");
    assert!((bursts * 25 / 100..=bursts * 35 / 100).contains(&batches), "{batches} of {bursts} bursts");
    let request = agent.listen(&workload);
    assert_eq!((request.method, request.call), (Method::Listen, None));
    let later = Workload { revision: Revision::June2025, ..workload.clone() };
    assert!((0..500).all(|_| !take(&mut agent, &later, OK).0.batched), "this revision has no batches");
}

#[test]
fn agents_without_sessions_list_and_call() {
    let workload = workload(Revision::July2026);
    let mut agent = Agent::new(1, 0);
    let methods: Vec<Method> = (0..100).map(|_| take(&mut agent, &workload, OK).0.method).collect();
    assert_eq!(methods[..3], [Method::Discover, Method::ToolsList, Method::ToolsCall]);
    assert!(methods.iter().filter(|method| **method == Method::Discover).count() > 5);
    let never = [Method::Initialize, Method::Initialized, Method::Delete];
    assert!(!methods.iter().any(|method| never.contains(method)));
}

#[test]
fn a_lost_session_is_opened_again_and_a_refused_one_is_tried_again() {
    let workload = workload(Revision::June2025);
    let mut agent = Agent::new(1, 0);
    let refused = Ended { outcome: Outcome::WrongStatus, status: 503 };
    assert_eq!(take(&mut agent, &workload, refused).0.method, Method::Initialize);
    for method in [Method::Initialize, Method::Initialized, Method::ToolsList] {
        assert_eq!(take(&mut agent, &workload, OK).0.method, method);
    }
    assert_eq!(take(&mut agent, &workload, refused).0.method, Method::ToolsCall);
    let (step, sessions) = take(&mut agent, &workload, Ended { outcome: Outcome::WrongStatus, status: 404 });
    assert_eq!((step.method, sessions.lost), (Method::ToolsCall, 1));
    assert!(agent.session().is_empty());
    assert_eq!(agent.step(&workload).method, Method::Initialize);
}

#[test]
fn texts_are_lognormal_and_bounded_and_the_same_for_both_arms() {
    let workload = workload(Revision::July2026);
    let lengths = |index| -> Vec<usize> {
        let mut agent = Agent::new(7, index);
        (0..20_000).map(|_| agent.request(Method::ToolsCall, &workload).call.unwrap().length).collect()
    };
    let mut drawn = lengths(3);
    assert_eq!(drawn, lengths(3));
    assert_ne!(drawn, lengths(4));
    drawn.sort_unstable();
    // The quantiles of a lognormal value with median 1000 and sigma 1: 0.1587 is one sigma below.
    let quantile = |q: f64| drawn[(q * 20_000.0) as usize] as f64;
    for (q, expected) in [(0.158_7, 367.9), (0.5, 1_000.0), (0.841_3, 2_718.3)] {
        assert!((quantile(q) / expected - 1.0).abs() < 0.05, "quantile {q}: {}", quantile(q));
    }
    assert_eq!(drawn.last(), Some(&8_000));
}

#[test]
fn the_only_tool_that_is_called_need_not_be_listed() {
    let only = Workload { tool: Some("echo".to_owned()), ..workload(Revision::July2026) };
    let mut agent = Agent::new(1, 0);
    agent.learn(&page(&["one"], None), &only);
    assert_eq!(agent.tools().iter().map(Tool::name).collect::<Vec<_>>(), ["echo"]);
}

#[test]
fn every_page_of_a_list_is_asked_for_before_tools_are_called() {
    let workload = workload(Revision::July2026);
    let mut agent = Agent::new(1, 0);
    let mut list = |page: Option<Page<'_>>| {
        assert!(matches!(agent.step(&workload).method, Method::Discover | Method::ToolsList));
        if agent.step(&workload).method == Method::Discover {
            let step = agent.step(&workload);
            agent.after(step, OK, &workload);
        }
        let step = agent.step(&workload);
        let outcome = if page.is_some() { Outcome::Ok } else { Outcome::Timeout };
        page.iter().for_each(|page| agent.learn(page, &workload));
        agent.after(step, Ended { outcome, status: 200 }, &workload);
        (agent.step(&workload).method, agent.cursor().map(str::to_owned), agent.listed(), agent.tools().len())
    };
    let next = |cursor: &str| Some(cursor.to_owned());
    assert_eq!(list(Some(page(&["a"], Some("x")))), (Method::ToolsList, next("x"), 1, 0));
    // A page that does not come makes the list begin again.
    assert_eq!(list(None), (Method::ToolsList, None, 0, 0));
    assert_eq!(list(Some(page(&["a"], Some("x")))), (Method::ToolsList, next("x"), 1, 0));
    assert_eq!(list(Some(page(&["b", "c"], Some("y")))), (Method::ToolsList, next("y"), 3, 0));
    assert_eq!(list(Some(page(&["d"], None))), (Method::ToolsCall, None, 0, 4));
}
