//! A stand-in on loopback for the part of GitHub's REST interface that comments need. It keeps the comments of one repository
//! and every request; it cannot show whether GitHub itself would answer so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// With the query.
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

/// The reaction to a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// As GitHub would.
    Serve,
    /// This status and this message; the request changes nothing.
    Refuse(u16, &'static str),
    /// As GitHub would, but the answer is this status: the write succeeds, but the client does not learn of it.
    ServeButSay(u16),
    /// Nothing, with the connection open.
    Hang,
}

type Rule = Box<dyn FnMut(&Seen) -> Answer + Send>;

/// The stand-in. It ends when it is dropped.
pub struct GithubStandIn {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    comments: Vec<Value>,
    seen: Vec<Seen>,
    login: Option<String>,
    rule: Rule,
    held: Vec<TcpStream>,
}

/// Returns a comment of a user.
pub fn comment(id: u64, login: &str, kind: &str, body: &str) -> Value {
    json!({ "id": id, "user": { "login": login, "type": kind }, "body": body, "html_url": format!("https://github.example/c/{id}") })
}

impl GithubStandIn {
    /// Starts it with these comments under every pull request; `rule` decides on each request.
    pub fn start(comments: Vec<Value>, rule: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared { comments, seen: Vec::new(), login: None, rule: Box::new(rule), held: Vec::new() };
        let (shared, stop) = (Arc::new(Mutex::new(shared)), Arc::new(AtomicBool::new(false)));
        let (inside, stopped) = (Arc::clone(&shared), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                inside.lock().unwrap().serve(stream);
            }
        });
        Self { address, shared, stop, thread: Some(thread) }
    }

    /// Makes the token that of a person with this name, instead of that of a workflow.
    pub fn known_as(self, login: &str) -> Self {
        self.shared.lock().unwrap().login = Some(login.to_owned());
        self
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn comments(&self) -> Vec<Value> {
        self.shared.lock().unwrap().comments.clone()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.clone()
    }

    /// Returns how many requests had this method.
    pub fn count(&self, method: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method).count()
    }
}

impl Drop for GithubStandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&mut self, mut stream: TcpStream) {
        let Some(seen) = read(&stream) else { return };
        self.seen.push(seen.clone());
        let (status, answer) = match (self.rule)(&seen) {
            Answer::Serve => self.answer(&seen),
            Answer::ServeButSay(status) => (status, drop_answer(self.answer(&seen))),
            Answer::Refuse(status, message) => (status, json!({ "message": message })),
            Answer::Hang => return self.held.push(stream),
        };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all((head + &text).as_bytes());
    }

    fn answer(&mut self, seen: &Seen) -> (u16, Value) {
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let number = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<usize>().ok())
        };
        let body = seen.body["body"].as_str().unwrap_or_default().to_owned();
        match (seen.method.as_str(), path) {
            ("GET", "/user") => match &self.login {
                Some(login) => (200, json!({ "login": login })),
                None => (403, json!({ "message": "Resource not accessible by integration" })),
            },
            ("GET", path) if path.ends_with("/comments") => {
                let (size, page) = (number("per_page").unwrap_or(30).min(100), number("page").unwrap_or(1));
                let page: Vec<Value> = self.comments.iter().skip((page - 1) * size).take(size).cloned().collect();
                (200, Value::from(page))
            }
            ("POST", path) if path.ends_with("/comments") => {
                let id =
                    1 + self.comments.iter().filter_map(|comment| comment["id"].as_u64()).max().unwrap_or_default();
                let (login, kind) = match &self.login {
                    Some(login) => (login.clone(), "User"),
                    None => ("github-actions[bot]".to_owned(), "Bot"),
                };
                self.comments.push(comment(id, &login, kind, &body));
                (201, self.comments[self.comments.len() - 1].clone())
            }
            ("POST", path) if path.ends_with("/check-runs") => {
                (201, json!({ "id": 1, "html_url": "https://github.example/runs/1" }))
            }
            ("PATCH", path) => {
                let id = path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
                match self.comments.iter_mut().find(|comment| comment["id"].as_u64() == id) {
                    Some(comment) => {
                        comment["body"] = Value::from(body);
                        (200, comment.clone())
                    }
                    None => (404, json!({ "message": "Not Found" })),
                }
            }
            _ => (404, json!({ "message": "Not Found" })),
        }
    }
}

fn drop_answer(_: (u16, Value)) -> Value {
    json!({ "message": "unlucky" })
}

/// One request; `None` where the connection ended before it was whole.
fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, authorization, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
