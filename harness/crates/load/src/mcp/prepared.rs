//! The requests of agents to one arm, prepared once.

use super::heads::Heads;
use super::method::Method;
use super::text::Texts;
use super::workload::Workload;
use crate::child_error::{ChildError, RequestError};
use crate::frames::{ArmAddress, Job};
use crate::judge::Expected;
use crate::prepared::head;
use crate::spec::{Body, Expect, Request};
use harness_base::units::Nanos;

/// What the agents of one arm share.
pub(crate) struct Prepared {
    pub(super) workload: Workload,
    pub(super) texts: Texts,
    /// The heads for HTTP/2; absent on HTTP/1.1.
    pub(super) heads: Option<Heads>,
    pub(crate) timeout: Nanos,
    /// The answer to a request, whose body is read as messages.
    pub(super) answer: Expected,
    /// The answer to a notification.
    pub(super) accepted: Expected,
    /// The answer to DELETE.
    pub(super) ended: Expected,
}

impl Prepared {
    /// Prepares the agents of each arm; `None` for a job without agents.
    pub(crate) fn of(job: &Job) -> Result<Option<Vec<Self>>, ChildError> {
        let speaks = |request: &&Request| matches!(request.body, Body::Mcp(_));
        let Some(request) = job.requests.iter().find(speaks) else { return Ok(None) };
        let refused = |reason| ChildError::Request { request: request.name.clone(), reason };
        if job.requests.len() > 1 {
            return Err(refused(RequestError::McpAmongOthers));
        }
        job.arms.iter().map(|arm| Self::new(request, arm)).collect::<Result<_, _>>().map(Some).map_err(refused)
    }

    fn new(request: &Request, arm: &ArmAddress) -> Result<Self, RequestError> {
        let Body::Mcp(workload) = &request.body else { return Err(RequestError::McpAmongOthers) };
        let line =
            |method: &str| head(&Request { method: method.to_owned(), ..request.clone() }, &arm.host, &arm.base_path);
        let status = |status| Expect { status, ..Expect::default() };
        Ok(Self {
            workload: Workload::clone(workload),
            texts: Texts::new([line("POST")?, line("DELETE")?, line("GET")?], workload),
            heads: arm.http2.map(|_| Heads::new(request, arm)).transpose()?,
            timeout: request.timeout,
            answer: Expected::kept(&status(Some(200)))?,
            accepted: Expected::kept(&status(Some(202)))?,
            ended: Expected::kept(&status(None))?,
        })
    }

    /// Returns the answer that is expected to a request.
    pub(super) const fn expected(&self, method: Method) -> &Expected {
        match method {
            Method::Initialized => &self.accepted,
            Method::Delete => &self.ended,
            _ => &self.answer,
        }
    }
}
