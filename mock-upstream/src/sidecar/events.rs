//! Events of an answer on their way to the client: lost, repeated, swapped, and forwarded in groups, as the flags say.

use bytes::{Bytes, BytesMut};

/// What is done with the events of each answer. Numbers count from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Events that are forwarded at once.
    pub(crate) group: Option<usize>,
    /// The event that is not forwarded.
    pub(crate) lose: Option<u64>,
    /// The event that is forwarded twice.
    pub(crate) repeat: Option<u64>,
    /// The event that is forwarded after the next one.
    pub(crate) swap: Option<u64>,
}

/// Cuts an answer into its events, and makes of them what is forwarded.
#[derive(Debug)]
pub(crate) struct Events {
    plan: Plan,
    /// The beginning of the next event.
    partial: BytesMut,
    /// The number of the next event.
    next: u64,
    /// An event that waits for the next one.
    swapped: Option<Bytes>,
    group: BytesMut,
    grouped: usize,
}

impl Plan {
    /// Returns whether events are forwarded as they come.
    pub(crate) fn is_plain(self) -> bool {
        self == Self::default()
    }
}

impl Events {
    pub(crate) fn new(plan: Plan) -> Self {
        let (partial, group) = (BytesMut::new(), BytesMut::new());
        Self { plan, partial, next: 0, swapped: None, group, grouped: 0 }
    }

    /// Takes the next part of the answer, and returns what is to be forwarded, in order.
    pub(crate) fn feed(&mut self, part: &[u8]) -> Vec<Bytes> {
        let mut forwarded = Vec::new();
        let mut from = self.partial.len().saturating_sub(1);
        self.partial.extend_from_slice(part);
        while let Some(end) = self.partial[from..].windows(2).position(|two| two == b"\n\n") {
            let event = self.partial.split_to(from + end + 2).freeze();
            from = 0;
            self.arrange(event, &mut forwarded);
        }
        forwarded
    }

    /// Returns what is left at the end of the answer; nothing if that is empty.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        let mut rest = std::mem::take(&mut self.group);
        rest.extend(self.swapped.take().unwrap_or_default());
        rest.extend(std::mem::take(&mut self.partial));
        self.grouped = 0;
        (!rest.is_empty()).then(|| rest.freeze())
    }

    /// Returns the number of events so far.
    pub(crate) const fn count(&self) -> u64 {
        self.next
    }

    fn arrange(&mut self, event: Bytes, forwarded: &mut Vec<Bytes>) {
        let number = Some(self.next);
        self.next += 1;
        if number == self.plan.swap {
            self.swapped = Some(event);
            return;
        }
        if number != self.plan.lose {
            self.add(&event, forwarded);
        }
        if number == self.plan.repeat {
            self.add(&event, forwarded);
        }
        if let Some(swapped) = self.swapped.take() {
            self.add(&swapped, forwarded);
        }
    }

    /// Adds an event to the group, and forwards the group if it is complete.
    fn add(&mut self, event: &Bytes, forwarded: &mut Vec<Bytes>) {
        self.group.extend_from_slice(event);
        self.grouped += 1;
        if self.grouped >= self.plan.group.unwrap_or(1) {
            self.grouped = 0;
            forwarded.push(self.group.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forwards the events `a` to `e`, which arrive in parts of `size` bytes, and returns their letters; `|` ends what is forwarded at once.
    fn forwarded(plan: Plan, size: usize) -> String {
        let answer = "data: a\n\ndata: b\n\ndata: c\n\ndata: d\n\ndata: e\n\n";
        let mut events = Events::new(plan);
        let mut chunks: Vec<Bytes> = answer.as_bytes().chunks(size).flat_map(|part| events.feed(part)).collect();
        assert_eq!(events.count(), 5);
        chunks.extend(events.finish());
        let letters =
            |chunk: &Bytes| String::from_utf8(chunk.to_vec()).unwrap().replace("data: ", "").replace('\n', "");
        chunks.iter().map(letters).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn events_are_forwarded_as_planned_however_they_arrive() {
        let plain = Plan::default();
        for size in [1, 2, 5, 9, 17, 1000] {
            assert_eq!(forwarded(plain, size), "a|b|c|d|e");
            assert_eq!(forwarded(Plan { group: Some(2), ..plain }, size), "ab|cd|e");
            assert_eq!(forwarded(Plan { lose: Some(1), ..plain }, size), "a|c|d|e");
            assert_eq!(forwarded(Plan { repeat: Some(4), ..plain }, size), "a|b|c|d|e|e");
            assert_eq!(forwarded(Plan { swap: Some(2), ..plain }, size), "a|b|d|c|e");
            assert_eq!(forwarded(Plan { swap: Some(4), group: Some(9), ..plain }, size), "abcde");
        }
        assert!(plain.is_plain() && !Plan { lose: Some(0), ..plain }.is_plain());
    }

    #[test]
    fn what_is_no_event_is_forwarded_at_the_end() {
        let mut events = Events::new(Plan { group: Some(2), ..Plan::default() });
        assert!(events.feed(b"{\"result\":").is_empty() && events.feed(b"1}\n").is_empty());
        assert_eq!(events.finish().as_deref(), Some(&b"{\"result\":1}\n"[..]));
        assert_eq!(events.finish(), None);
    }
}
