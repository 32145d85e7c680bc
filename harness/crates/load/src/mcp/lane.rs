//! One of the connections of an agent: sends a request over it, and checks the answer.

use bytes::Bytes;

use super::agent::{Agent, Request};
use super::answer::{self, Asked, Form, Page, Wrong};
use super::batch;
use super::facts::Mark;
use super::fault::Fault;
use super::method::Method;
use super::prepared::Prepared;
use crate::arm_client::{ArmClient, Completion};
use crate::deadline::Deadline;
use crate::http2;
use crate::judge::{Expected, Judge};
use crate::lane::Message;
use crate::link;
use crate::outcome::Outcome;
use crate::wire::Negotiated;
use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The status of a server that lets no client end its session, which the protocol permits.
const METHOD_NOT_ALLOWED: u16 = 405;

pub(super) struct Lane {
    client: ArmClient,
    judge: Judge,
    deadline: Deadline,
    /// The request that is sent next, and memory for its body.
    text: Vec<u8>,
    body: Vec<u8>,
    /// The same on HTTP/2; absent on HTTP/1.1.
    frames: Option<(http2::Head, Bytes)>,
}

/// When a request is sent, and when its answer is awaited no longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now: Mono,
    pub(super) until: Mono,
    /// When it counts as sent; absent if that is just before it is written.
    pub(super) sent: Option<Mono>,
}

/// What an answer says.
pub(super) struct Checked<'l> {
    pub(super) mark: Mark,
    /// The status; 0 without an answer.
    pub(super) status: u16,
    /// A page of a list.
    pub(super) page: Option<Page<'l>>,
    /// The identifier of a session that was opened.
    pub(super) session: Option<&'l [u8]>,
    /// What is wrong with the answer to a call of a batch.
    pub(super) wrong: Option<Wrong>,
}

impl Lane {
    pub(super) fn new(client: ArmClient) -> Self {
        let (judge, deadline) = (Judge::default(), Deadline::new());
        Self { client, judge, deadline, text: Vec::new(), body: Vec::new(), frames: None }
    }

    /// Opens the connection unless it is open. Returns the outcome and the message of a failure.
    pub(super) async fn open(&mut self, timeout: Nanos) -> Result<(), (Outcome, String)> {
        let now = Mono::now();
        self.deadline.set(now, now.after(timeout));
        self.client.ensure(&mut self.deadline).await.map(drop)
    }

    /// Returns what was negotiated; `None` for HTTP/1.1 without TLS.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        self.client.negotiated()
    }

    /// Writes down the request that is sent next, or several that are sent as one batch.
    pub(super) fn prepare(&mut self, requests: &[Request], agent: &Agent, prepared: &Prepared) {
        let (texts, workload) = (&prepared.texts, &prepared.workload);
        let Some(heads) = &prepared.heads else {
            return texts.write(requests, agent, workload, (&mut self.text, &mut self.body));
        };
        self.body.clear();
        texts.messages(requests, agent, workload, &mut self.body);
        let head = requests.first().and_then(|request| heads.write(request, agent, workload));
        self.frames = head.map(|head| (head, Bytes::copy_from_slice(&self.body)));
    }

    /// Sends the request and reads the answer to its end.
    pub(super) async fn exchange(&mut self, expected: &Expected, times: Times) -> Completion {
        self.deadline.set(times.now, times.until);
        let message = match &self.frames {
            None => Message::Http1(link::Message { text: &self.text, body: None, is_head: false, expected }),
            Some((head, body)) => Message::Http2(http2::Message { head, body: http2::Content::Whole(body), expected }),
        };
        self.client.exchange(message, &mut self.judge, &mut self.deadline, times.sent).await
    }

    /// Checks the answer to `request`. Makes one that is wrong the outcome of `completion`, with a message.
    pub(super) fn check(
        &self,
        request: &Request,
        completion: &mut Completion,
        agent: &Agent,
        prepared: &Prepared,
    ) -> Checked<'_> {
        let method = request.method;
        let answered = matches!(completion.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        let status = if answered { self.judge.status() } else { 0 };
        if method == Method::Delete && status == METHOD_NOT_ALLOWED {
            completion.outcome = Outcome::Ok;
        }
        let mark = Mark { method, fault: None, streamed: false, notifications: 0, writes: completion.writes };
        let mut checked = Checked { mark, status, page: None, session: None, wrong: None };
        if completion.outcome != Outcome::Ok {
            completion.message = Some(self.describe_failure(method, completion));
        } else if !matches!(method, Method::Initialized | Method::Delete) {
            match self.read(request, agent, prepared) {
                Ok(read) => {
                    checked.mark = Mark { streamed: read.streamed, notifications: read.notifications, ..mark };
                    checked.page = read.page;
                    checked.session = (method == Method::Initialize).then(|| self.judge.session());
                }
                Err(wrong) => {
                    checked.mark.fault = Some(wrong.fault);
                    completion.outcome = Outcome::WrongBody;
                    completion.message = Some(self.describe(method, &wrong));
                }
            }
        }
        checked
    }

    /// Checks the answer to a batch of calls. Returns what it says about each of them.
    pub(super) fn check_batch(
        &self,
        requests: &[Request],
        whole: &Completion,
        prepared: &Prepared,
    ) -> Vec<Checked<'_>> {
        let answered = matches!(whole.outcome, Outcome::Ok | Outcome::WrongStatus | Outcome::WrongBody);
        let status = if answered { self.judge.status() } else { 0 };
        let method = Method::ToolsCall;
        let mark = Mark { method, fault: None, streamed: false, notifications: 0, writes: whole.writes };
        let checked = |mark, wrong: Option<Wrong>| Checked { mark, status, page: None, session: None, wrong };
        if whole.outcome != Outcome::Ok {
            return requests.iter().map(|_| checked(mark, None)).collect();
        }
        let ids: Vec<u64> = requests.iter().map(|request| request.id).collect();
        let read = match self.judge.is_too_long() {
            true => vec![Err(Wrong { fault: Fault::Unreadable, found: "too long to be read".to_owned() }); ids.len()],
            false => batch::read(&ids, Form::of(self.judge.content_type()), self.judge.body(), &prepared.workload),
        };
        let of = |read| match read {
            Ok(batch::Read { streamed, notifications }) => checked(Mark { streamed, notifications, ..mark }, None),
            Err(wrong) => checked(mark, Some(wrong)),
        };
        read.into_iter().map(of).collect()
    }

    /// Describes a request without an answer, or one whose status is wrong.
    pub(super) fn describe_failure(&self, method: Method, completion: &Completion) -> String {
        let what = completion.message.clone().unwrap_or_else(|| self.judge.example());
        format!("{}: {what}", method.name())
    }

    /// Describes an answer that is wrong.
    pub(super) fn describe(&self, method: Method, Wrong { fault, found }: &Wrong) -> String {
        format!("{}: {} ({found}): {}", method.name(), fault.words(), self.judge.example())
    }

    fn read(&self, request: &Request, agent: &Agent, prepared: &Prepared) -> Result<answer::Read<'_>, Wrong> {
        let Request { method, id, .. } = *request;
        let asked = Asked { method, id, listed: agent.listed(), workload: &prepared.workload };
        if self.judge.is_too_long() {
            return Err(Wrong { fault: Fault::Unreadable, found: "too long to be read".to_owned() });
        }
        let read = answer::read(asked, Form::of(self.judge.content_type()), self.judge.body())?;
        if request.method == Method::Initialize && prepared.workload.session_id && self.judge.session().is_empty() {
            return Err(Wrong { fault: Fault::Session, found: "no Mcp-Session-Id".to_owned() });
        }
        Ok(read)
    }
}
