//! Writes the heads of requests of agents for HTTP/2.

use http::header::{HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method as HttpMethod};

use super::agent::{Agent, Request};
use super::method::Method;
use super::text::each_field;
use super::workload::Workload;
use crate::child_error::RequestError;
use crate::frames::ArmAddress;
use crate::http2::Head;
use crate::prepared::{headers, target};
use crate::spec;

/// The parts of heads to one arm that do not change.
pub(super) struct Heads {
    is_tls: bool,
    path: PathAndQuery,
    /// The fields of the scenario, with the host.
    fields: HeaderMap,
}

impl Heads {
    /// Prepares the parts.
    ///
    /// # Errors
    /// Returns an error if the path or a field of the scenario is none.
    pub(super) fn new(request: &spec::Request, arm: &ArmAddress) -> Result<Self, RequestError> {
        let (_, path) = target(request, &arm.base_path)?;
        let heads = Self { is_tls: arm.tls.is_some(), path, fields: headers(request, &arm.host)? };
        // The host is an authority, so that it will be one in each request.
        match heads.head(HttpMethod::POST, heads.fields.clone()) {
            Some(_) => Ok(heads),
            None => Err(RequestError::Host(arm.host.clone())),
        }
    }

    /// Writes the head of `request` of `agent`.
    pub(super) fn write(&self, request: &Request, agent: &Agent, workload: &Workload) -> Option<Head> {
        let mut fields = self.fields.clone();
        each_field(request, agent, workload, |name, value| {
            // Values of servers were read from heads, and names of tools are encoded, so they are fields.
            if let Ok(value) = HeaderValue::from_bytes(value) {
                fields.insert(HeaderName::from_static(name), value);
            }
        });
        let method = match request.method {
            Method::Delete => HttpMethod::DELETE,
            Method::Listen => HttpMethod::GET,
            _ => HttpMethod::POST,
        };
        self.head(method, fields)
    }

    fn head(&self, method: HttpMethod, fields: HeaderMap) -> Option<Head> {
        let has_body = method == HttpMethod::POST;
        Head::new(method, self.is_tls, self.path.clone(), fields, has_body)
    }
}
