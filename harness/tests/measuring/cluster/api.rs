//! The API itself: who asks, whether the Role permits it, and what is answered.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::answers::{self, Body};
use super::request::Asked;
use super::rights::Right;
use super::shared::{OTHER_RUN, Shared};
use super::store::Kind;
use super::{forward, jobs, kubelet, status, watch};

/// What a user of the stand-in proves its identity with.
pub(super) const TOKEN: &str = "stand-in-token";
/// The name of this user.
const USER: &str = "bench";
/// The resource of which every user may create objects, as in each cluster.
const REVIEWS: &str = "selfsubjectaccessreviews";

/// Serves the API until the runtime ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(request, &shared).await) }
            });
            // Clients that disconnect are ignored.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: &Arc<Shared>) -> Response<Body> {
    let known = format!("Bearer {TOKEN}");
    if request.headers().get(AUTHORIZATION).is_none_or(|header| header.as_bytes() != known.as_bytes()) {
        return answers::refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", &json!({}));
    }
    let (method, uri) = (request.method().as_str().to_owned(), request.uri().clone());
    if uri.path() == "/version" {
        let version = json!({ "major": "1", "minor": "35", "gitVersion": "v1.35.0", "platform": "linux/amd64" });
        return answers::object(StatusCode::OK, &version);
    }
    let Some(asked) = Asked::read(&method, uri.path(), uri.query().unwrap_or_default()) else {
        return answers::refuse(
            StatusCode::NOT_FOUND,
            "NotFound",
            "the server could not find the requested resource",
            &json!({}),
        );
    };
    let is_review = asked.right.is(("create", REVIEWS));
    let is_here = asked.namespace.as_ref() == Some(&shared.namespace);
    if !is_review && !shared.permits(&asked.needs(), is_here) {
        return answers::forbidden(&asked, USER);
    }
    if shared.faults.hang.is_some_and(|right| asked.right.is(right)) {
        return std::future::pending().await;
    }
    if asked.right.is(("get", "pods/portforward")) {
        return forward::answer(request, asked.query.get("ports"));
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if is_review { review(shared, body) } else { act(shared, &asked, body) }
}

fn review(shared: &Shared, mut review: Value) -> Response<Body> {
    let attributes = review["spec"]["resourceAttributes"].clone();
    let word = |key: &str| attributes[key].as_str().unwrap_or_default();
    let resource = [word("resource"), word("subresource")].join("/");
    let right = Right::new(word("verb"), word("group"), resource.trim_end_matches('/'));
    let allowed = word("namespace") == shared.namespace && shared.role.contains(&right);
    review["status"] = json!({ "allowed": allowed });
    answers::object(StatusCode::CREATED, &review)
}

fn act(shared: &Arc<Shared>, asked: &Asked, body: Value) -> Response<Body> {
    let Right { group, resource, verb } = &asked.right;
    let name = asked.name.clone().unwrap_or_default();
    if resource == "pods/log" {
        return log(shared, asked);
    }
    let Some(kind) = Kind::of(group, resource) else { return answers::not_found(asked) };
    let selector = match asked.selector() {
        Ok(selector) => selector,
        Err(message) => return answers::bad_request(&message),
    };
    match verb.as_str() {
        "create" => create(shared, asked, kind, body),
        "get" => match shared.with(|store| store.get(kind, &name).cloned()) {
            Some(object) => answers::object(StatusCode::OK, &object),
            None => answers::not_found(asked),
        },
        "list" => {
            let (version, items) = shared.with(|store| (store.version(), store.list(kind, &selector)));
            answers::list(kind, version, items)
        }
        "watch" => watch::answer(shared, kind, selector, asked),
        "delete" => delete(shared, asked, kind, &body),
        _ => answers::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the stand-in does not know this verb",
            &json!({}),
        ),
    }
}

fn create(shared: &Arc<Shared>, asked: &Asked, kind: Kind, mut object: Value) -> Response<Body> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if object["kind"] != kind.name() || object["apiVersion"] != kind.api_version() {
        return answers::bad_request(&format!("this is no {} of {}", kind.name(), kind.api_version()));
    }
    object["metadata"]["namespace"] = shared.namespace.clone().into();
    match kind {
        Kind::Pod => status::prepare(&mut object),
        Kind::Secret => encode(&mut object),
        Kind::Job => {}
    }
    if shared.faults.occupied == Some(kind.resource()) {
        let mut other = object.clone();
        other["metadata"]["labels"]["harness.run"] = OTHER_RUN.into();
        shared.with(|store| store.create(kind, other));
    }
    let Some(created) = shared.with(|store| store.create(kind, object)) else { return answers::exists(asked, &name) };
    match kind {
        Kind::Pod => drop(kubelet::start(shared, &created)),
        Kind::Job => jobs::start(shared, &created),
        Kind::Secret => {}
    }
    answers::object(StatusCode::CREATED, &created)
}

/// Encodes the plain texts of a secret.
fn encode(secret: &mut Value) {
    let texts = secret.as_object_mut().and_then(|secret| secret.remove("stringData"));
    for (key, text) in texts.iter().filter_map(Value::as_object).flatten() {
        secret["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}

fn delete(shared: &Arc<Shared>, asked: &Asked, kind: Kind, options: &Value) -> Response<Body> {
    let name = asked.name.clone().unwrap_or_default();
    let policy =
        asked.query.get("propagationPolicy").map(String::as_str).or_else(|| options["propagationPolicy"].as_str());
    let uid = shared.with(|store| store.get(kind, &name).map(|object| object["metadata"]["uid"].clone()));
    let wanted = &options["preconditions"]["uid"];
    if wanted.is_string() && uid.is_some_and(|uid| uid != *wanted) {
        let message = "Precondition failed: UID in precondition is that of another object";
        return answers::refuse(StatusCode::CONFLICT, "Conflict", message, &json!({}));
    }
    let deleted = match kind {
        // Without a policy, the API of batch/v1 leaves the pods of a Job in the background, too.
        Kind::Job => jobs::delete(shared, &name, policy.unwrap_or("Background")),
        Kind::Secret => shared.with(|store| store.remove(kind, &name)),
        Kind::Pod => {
            kubelet::delete(shared, &name, options["gracePeriodSeconds"].as_u64());
            shared.with(|store| store.get(kind, &name).cloned())
        }
    };
    match deleted {
        Some(object) => answers::object(StatusCode::OK, &object),
        None => answers::not_found(asked),
    }
}

/// Answers with the last lines of a container.
fn log(shared: &Shared, asked: &Asked) -> Response<Body> {
    let name = asked.name.clone().unwrap_or_default();
    let Some(pod) = shared.with(|store| store.get(Kind::Pod, &name).cloned()) else { return answers::not_found(asked) };
    let of = |key: &str| asked.query.get(key).cloned();
    let containers = status::containers(&pod);
    let last = containers.last().and_then(|(container, _)| container["name"].as_str()).unwrap_or_default();
    let container = of("container").unwrap_or_else(|| last.to_owned());
    let logs = (0_u64..).map(|count| kubelet::log_of(shared, &name, &container, count));
    let logs: Vec<_> = logs.take_while(|path| path.exists()).collect();
    let previous = usize::from(of("previous").is_some_and(|value| value == "true"));
    let Some(path) = logs.iter().rev().nth(previous) else {
        return answers::bad_request(&format!(
            "container {container:?} in pod {name:?} is waiting to start: ContainerCreating"
        ));
    };
    let text = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let tail = of("tailLines").and_then(|lines| lines.parse().ok()).unwrap_or(lines.len());
    answers::text(StatusCode::OK, "text/plain", lines[lines.len().saturating_sub(tail)..].concat())
}
