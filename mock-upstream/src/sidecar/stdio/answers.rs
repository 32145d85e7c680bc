//! Passes the lines of the server back to the client, with the faults that flags ask for.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use harness_base::clock::Mono;
use harness_base::units::Nanos;
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

use super::lines::Lines;
use super::truth::Truth;
use crate::clock::Sleeper;
use crate::sidecar::args::Args;

/// The way of the server's lines to the client.
pub(super) struct Answers {
    delay: Nanos,
    lose_every: Option<u64>,
    wrong_id_every: Option<u64>,
    repeat_every: Option<u64>,
    sleeper: Sleeper,
    truth: Arc<Truth>,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Passed {
    As(Vec<u8>),
    Twice(Vec<u8>),
    Lost,
}

impl Answers {
    pub(super) fn new(args: &Args, truth: Arc<Truth>) -> Self {
        Self {
            delay: Nanos::of(args.add_latency_response),
            lose_every: args.lose_every,
            wrong_id_every: args.wrong_id_every,
            repeat_every: args.repeat_every,
            sleeper: Sleeper::default(),
            truth,
        }
    }

    /// Passes each line on until the server closes its stdout, or the client reads no more.
    pub(super) async fn pass_on(mut self, mut lines: Lines, mut client: pipe::Sender) {
        while let Some((at, line)) = lines.next().await {
            if self.delay > Nanos::ZERO {
                self.sleeper.sleep_until(at.after(self.delay)).await;
                self.truth.added_response.record(Mono::now().since(at));
            }
            let line = match self.fate(line) {
                Passed::As(line) => line,
                Passed::Twice(line) => line.repeat(2),
                Passed::Lost => continue,
            };
            if client.write_all(&line).await.is_err() {
                return;
            }
        }
    }

    /// Decides what becomes of a line. Only answers are counted; notifications are passed on as they are.
    fn fate(&self, line: Vec<u8>) -> Passed {
        if self.lose_every.or(self.wrong_id_every).or(self.repeat_every).is_none() {
            return Passed::As(line);
        }
        let Some(mut answer) = answer(&line) else { return Passed::As(line) };
        let number = self.truth.answers.fetch_add(1, Relaxed) + 1;
        let is_due = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        if is_due(self.lose_every) {
            self.truth.lost.fetch_add(1, Relaxed);
            return Passed::Lost;
        }
        if is_due(self.wrong_id_every) {
            self.truth.wrong_ids.fetch_add(1, Relaxed);
            answer.insert("id".to_owned(), "the id of no request".into());
            let mut text = Value::Object(answer).to_string().into_bytes();
            text.push(b'\n');
            return Passed::As(text);
        }
        if is_due(self.repeat_every) {
            self.truth.repeated.fetch_add(1, Relaxed);
            return Passed::Twice(line);
        }
        Passed::As(line)
    }
}

/// Reads a line as an answer; `None` if it is something else.
fn answer(line: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(message)) if message.contains_key("id") && !message.contains_key("method") => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn answers(flags: &[&str]) -> Answers {
        let argv = ["reference-sidecar", "--stdio"].iter().chain(flags).chain(&["--", "server"]);
        Answers::new(&Args::parse_from(argv), Arc::default())
    }

    const ANSWER: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n";

    #[test]
    fn every_nth_answer_has_the_fault_and_is_counted() {
        let answers = answers(&["--lose-every", "2", "--wrong-id-every", "3", "--repeat-every", "5"]);
        let fates: Vec<Passed> = (0..6).map(|_| answers.fate(ANSWER.to_vec())).collect();
        let plain = || Passed::As(ANSWER.to_vec());
        assert_eq!(
            [&fates[0], &fates[1], &fates[3], &fates[5]],
            [&plain(), &Passed::Lost, &Passed::Lost, &Passed::Lost]
        );
        let Passed::As(wrong) = &fates[2] else { panic!("{:?}", fates[2]) };
        let wrong: Value = serde_json::from_slice(wrong).unwrap();
        assert_eq!(
            (&wrong["id"], &wrong["result"]),
            (&Value::from("the id of no request"), &Value::Object(Map::new()))
        );
        assert_eq!(fates[4], Passed::Twice(ANSWER.to_vec()));
        let truth = &answers.truth;
        let counts = [&truth.answers, &truth.lost, &truth.wrong_ids, &truth.repeated].map(|count| count.load(Relaxed));
        assert_eq!(counts, [6, 3, 1, 1]);
    }

    #[test]
    fn what_is_no_answer_is_passed_on_and_not_counted() {
        let answers = answers(&["--lose-every", "1"]);
        for line in ["{\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n", "{\"id\":1,\"method\":\"ping\"}\n", "no JSON\n", "\n"]
        {
            assert_eq!(answers.fate(line.into()), Passed::As(line.into()), "{line}");
        }
        assert_eq!(answers.truth.answers.load(Relaxed), 0);
        assert_eq!(answers.fate(ANSWER.to_vec()), Passed::Lost);
    }
}
