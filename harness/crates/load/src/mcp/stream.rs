//! Splits the body of an answer into the data of its server-sent events (HTML Living Standard, section 9.2.6).

use std::borrow::Cow;

/// The type of the events that carry messages, which is also that of events without a type.
const MESSAGE: &[u8] = b"message";

/// The data of the events of a body, in order. Events of other types and events without data are left out, and so is the last one if its
/// empty line is missing.
pub(super) struct Events<'b> {
    rest: &'b [u8],
}

impl<'b> Events<'b> {
    pub(super) fn of(body: &'b [u8]) -> Self {
        Self { rest: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body) }
    }

    /// Returns the next line without its end; `None` if its end is missing.
    fn line(&mut self) -> Option<&'b [u8]> {
        let end = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let (line, rest) = self.rest.split_at(end);
        let length = if rest.starts_with(b"\r\n") { 2 } else { 1 };
        self.rest = &rest[length..];
        Some(line)
    }
}

impl<'b> Iterator for Events<'b> {
    type Item = Cow<'b, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut data, mut is_message) = (None::<Cow<'b, [u8]>>, true);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                let found = data.take().filter(|data| is_message && !data.is_empty());
                if found.is_some() {
                    return found;
                }
                is_message = true;
                continue;
            }
            let (name, value) = field(line);
            match name {
                b"data" => match &mut data {
                    None => data = Some(Cow::Borrowed(value)),
                    Some(before) => {
                        let before = before.to_mut();
                        before.push(b'\n');
                        before.extend_from_slice(value);
                    }
                },
                b"event" => is_message = value.is_empty() || value == MESSAGE,
                _ => {}
            }
        }
    }
}

/// Splits a line into the name and the value of its field. A comment has an empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|byte| *byte == b':') {
        None => (line, b""),
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<String> {
        Events::of(body.as_bytes()).map(|data| String::from_utf8_lossy(&data).into_owned()).collect()
    }

    #[test]
    fn events_end_with_an_empty_line() {
        assert_eq!(read("data: a\n\ndata:b\r\n\r\ndata: c\r\rdata: d\n"), ["a", "b", "c"]);
        assert_eq!(read("\u{feff}id: 1\nevent: message\ndata: {\ndata: }\n\n"), ["{\n}"]);
        assert!(read("").is_empty());
    }

    #[test]
    fn comments_other_events_and_events_without_data_are_left_out() {
        assert_eq!(read(":\n\n: keep-alive\n\nid: 0\ndata:\n\nevent: ping\ndata: x\n\ndata: y\n\n"), ["y"]);
        assert_eq!(read("event: error\ndata: x\n\nevent:\ndata: y\n\n"), ["y"]);
        assert_eq!(read("retry: 5\ndata\n\ndatum: z\n\n"), Vec::<String>::new());
    }
}
