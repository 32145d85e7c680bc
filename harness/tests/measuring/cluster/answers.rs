//! Answers of the stand-in, in the words of the API server.

use std::io;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::request::Asked;
use super::store::Kind;

/// The content of an answer; a watch that is cut ends with an error.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) fn text(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header(CONTENT_TYPE, kind).body(body).unwrap()
}

pub(super) fn object(status: StatusCode, object: &Value) -> Response<Body> {
    text(status, "application/json", object.to_string())
}

/// Answers with a Status, as every refusal of the API is.
pub(super) fn refuse(status: StatusCode, reason: &str, message: &str, details: &Value) -> Response<Body> {
    let text = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": status.as_u16(),
    });
    object(status, &text)
}

/// Names a resource as messages do: `jobs.batch "name"`.
fn shown(asked: &Asked, name: &str) -> String {
    let resource = asked.right.resource.split('/').next().unwrap_or_default();
    let dot = if asked.right.group.is_empty() { "" } else { "." };
    format!("{resource}{dot}{} {name:?}", asked.right.group)
}

fn details(asked: &Asked, name: &str) -> Value {
    let kind = asked.right.resource.split('/').next();
    json!({ "name": name, "group": asked.right.group, "kind": kind })
}

pub(super) fn forbidden(asked: &Asked, user: &str) -> Response<Body> {
    let name = asked.name.clone().unwrap_or_default();
    let right = &asked.right;
    let resource = right.resource.split('/').next().unwrap_or_default();
    let dot = if right.group.is_empty() { "" } else { "." };
    let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
    let scope = match &asked.namespace {
        Some(namespace) => format!("in the namespace {namespace:?}"),
        None => "at the cluster scope".to_owned(),
    };
    let message = format!(
        "{resource}{dot}{}{named} is forbidden: User {user:?} cannot {} resource {:?} in API group {:?} {scope}",
        right.group, right.verb, right.resource, right.group
    );
    refuse(StatusCode::FORBIDDEN, "Forbidden", &message, &details(asked, &name))
}

pub(super) fn not_found(asked: &Asked) -> Response<Body> {
    let name = asked.name.clone().unwrap_or_default();
    let message = format!("{} not found", shown(asked, &name));
    refuse(StatusCode::NOT_FOUND, "NotFound", &message, &details(asked, &name))
}

pub(super) fn exists(asked: &Asked, name: &str) -> Response<Body> {
    let message = format!("{} already exists", shown(asked, name));
    refuse(StatusCode::CONFLICT, "AlreadyExists", &message, &details(asked, name))
}

pub(super) fn bad_request(message: &str) -> Response<Body> {
    refuse(StatusCode::BAD_REQUEST, "BadRequest", message, &json!({}))
}

pub(super) fn list(kind: Kind, version: u64, items: Vec<Value>) -> Response<Body> {
    let text = json!({
        "kind": format!("{}List", kind.name()), "apiVersion": kind.api_version(),
        "metadata": { "resourceVersion": version.to_string() }, "items": items,
    });
    object(StatusCode::OK, &text)
}
