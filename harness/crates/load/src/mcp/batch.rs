//! Checks the answers to a batch of calls: an array of messages, or a stream of events with messages or arrays of them.

use super::answer::{Asked, Form, PROGRESS, Wrong, parse};
use super::fault::Fault;
use super::message::{Id, Message};
use super::method::Method;
use super::stream::Events;
use super::workload::Workload;

/// What was read of a valid answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) streamed: bool,
    /// Notifications about this call.
    pub(super) notifications: u64,
}

/// The calls of a batch, and what was read of their answers.
struct Batch<'b> {
    ids: &'b [u64],
    workload: &'b Workload,
    answers: Vec<Option<Result<(), Wrong>>>,
    notifications: Vec<u64>,
}

/// Reads the body of an answer to calls with these `ids`. Returns what it says about each of them, in their order. What is wrong with the
/// body as a whole is wrong with all of them.
pub(super) fn read(ids: &[u64], form: Form, body: &[u8], workload: &Workload) -> Vec<Result<Read, Wrong>> {
    let (answers, notifications) = (ids.iter().map(|_| None).collect(), vec![0; ids.len()]);
    let mut batch = Batch { ids, workload, answers, notifications };
    let whole = match form {
        Form::Json => batch.read_messages(body),
        Form::Events => Events::of(body).try_for_each(|data| batch.read_messages(&data)),
        Form::Other => Err(wrong(Fault::ContentType, "neither application/json nor text/event-stream")),
    };
    if let Err(wrong) = whole {
        return ids.iter().map(|_| Err(wrong.clone())).collect();
    }
    let missing = || Err(wrong(Fault::Stream, "no answer in the batch"));
    let of = |(answer, notifications): (Option<Result<(), Wrong>>, u64)| {
        answer.unwrap_or_else(missing).map(|()| Read { streamed: form == Form::Events, notifications })
    };
    batch.answers.into_iter().zip(batch.notifications).map(of).collect()
}

fn wrong(fault: Fault, found: impl Into<String>) -> Wrong {
    Wrong { fault, found: found.into() }
}

impl Batch<'_> {
    /// Reads one message, or an array of them.
    fn read_messages(&mut self, text: &[u8]) -> Result<(), Wrong> {
        if text.trim_ascii_start().first() != Some(&b'[') {
            return self.read_message(parse(text)?);
        }
        let messages: Vec<Message<'_>> =
            serde_json::from_slice(text).map_err(|error| wrong(Fault::Unreadable, error.to_string()))?;
        messages.into_iter().try_for_each(|message| self.read_message(message))
    }

    fn read_message(&mut self, message: Message<'_>) -> Result<(), Wrong> {
        if let Some(method) = &message.method {
            if **method == *PROGRESS {
                let token = message.params.as_ref().and_then(|params| params.progress_token);
                let place =
                    self.place(token).ok_or_else(|| wrong(Fault::Progress, "the token of no call of the batch"))?;
                self.notifications[place] += 1;
            }
            return Ok(());
        }
        let place = self.place(message.id).ok_or_else(|| wrong(Fault::Id, "the identifier of no call of the batch"))?;
        if self.answers[place].is_some() {
            return Err(wrong(Fault::Id, format!("two answers to {}", self.ids[place])));
        }
        let asked = Asked { method: Method::ToolsCall, id: self.ids[place], listed: 0, workload: self.workload };
        self.answers[place] = Some(asked.check(message).map(drop));
        Ok(())
    }

    fn place(&self, id: Option<Id>) -> Option<usize> {
        let Some(Id::Number(id)) = id else { return None };
        self.ids.iter().position(|known| *known == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::workload::Revision;
    use harness_base::units::Ratio;

    fn workload() -> Workload {
        Workload { burst: (2, 2), batches: Ratio(1.0), ..Workload::plain(Revision::March2025) }
    }

    fn answer(id: u64, failed: bool) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"isError":{failed}}}}}"#)
    }

    fn faults(form: Form, body: &str) -> Vec<Option<Fault>> {
        read(&[7, 8, 9], form, body.as_bytes(), &workload())
            .into_iter()
            .map(|read| read.err().map(|wrong| wrong.fault))
            .collect()
    }

    #[test]
    fn every_call_has_its_answer_in_any_order() {
        let [seven, eight, nine] = [7, 8, 9].map(|id| answer(id, false));
        assert_eq!(faults(Form::Json, &format!(" [{nine},{seven},{eight}]")), [None; 3]);
        let progress =
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":8,"progress":1}}"#;
        let stream = format!("data: {progress}\n\ndata: [{seven},{nine}]\n\ndata: {eight}\n\n");
        let found = read(&[7, 8, 9], Form::Events, stream.as_bytes(), &workload());
        let notifications: Vec<_> = found.into_iter().map(|read| read.unwrap().notifications).collect();
        assert_eq!(notifications, [0, 1, 0]);
    }

    #[test]
    fn what_is_wrong_with_one_call_is_no_fault_of_the_others() {
        let (seven, eight, nine) = (answer(7, false), answer(8, true), answer(9, false));
        assert_eq!(faults(Form::Json, &format!("[{seven},{eight},{nine}]")), [None, Some(Fault::ToolError), None]);
        assert_eq!(
            faults(Form::Json, &format!("[{seven},{nine}]")),
            [None, Some(Fault::Stream), None],
            "one is missing"
        );
        let all = |fault| [Some(fault); 3];
        assert_eq!(faults(Form::Json, &format!("[{seven},{seven},{nine}]")), all(Fault::Id));
        assert_eq!(faults(Form::Json, &format!("[{seven},{}]", answer(10, false))), all(Fault::Id));
        assert_eq!(faults(Form::Json, "[1"), all(Fault::Unreadable));
        assert_eq!(faults(Form::Other, ""), all(Fault::ContentType));
        let foreign = r#"data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#;
        assert_eq!(faults(Form::Events, &format!("{foreign}\n\n")), all(Fault::Progress));
    }
}
