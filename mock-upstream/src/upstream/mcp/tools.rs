//! The tools of the server: their list in pages, and the text with which they answer.

use bytes::Bytes;

use super::write::{Era, envelope, result};

/// Milliseconds for which a client of the modern era may keep a list. The tools never change.
const FRESH: &[u8] = br#","ttlMs":300000,"cacheScope":"public"}"#;

const CONTENT: &[u8] = br#""content":[{"type":"text","text":""#;
const FINE: &[u8] = br#""}],"isError":false}"#;
const FAILED: &[u8] = br#""}],"isError":true}"#;

/// The tools, which are the same for every client and never change.
#[derive(Debug)]
pub(super) struct Tools {
    count: usize,
    page: usize,
    /// The JSON members `tools` and `nextCursor` of each page.
    pages: Vec<Bytes>,
    /// Pads the text of a result until the whole message has this many bytes.
    filler: Bytes,
}

impl Tools {
    pub(super) fn new(count: usize, page: usize, filler: Bytes) -> Self {
        let (count, page) = (count.max(1), page.max(1));
        let pages = (0..count).step_by(page).map(|first| describe_page(first, count.min(first + page), count));
        Self { count, page, pages: pages.collect(), filler }
    }

    /// Returns the number of a tool, if there is one of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let number = match name.strip_prefix("tool_") {
            Some(number) => number.parse().ok().filter(|number| *number > 0)?,
            None => 0,
        };
        (number < self.count && name == name_of(number)).then_some(number)
    }

    /// Writes one page of the list; the cursor is that of the page before. Returns `None` for a cursor that no page has.
    pub(super) fn list(&self, era: Era, id: &str, cursor: Option<&str>) -> Option<Bytes> {
        let first: usize = cursor.map_or(Some(0), |cursor| cursor.parse().ok())?;
        if !first.is_multiple_of(self.page) || (cursor.is_some() && first == 0) {
            return None;
        }
        let page = self.pages.get(first / self.page)?;
        let close: &[u8] = match era {
            Era::Legacy => b"}",
            Era::Modern => FRESH,
        };
        Some(result(id, &[era.open(), page, close]))
    }

    /// Writes the result of a call. The message has as many bytes as a response body of the upstream, or more if the rest of it needs them.
    pub(super) fn call(&self, era: Era, id: &str, failed: bool) -> Bytes {
        let close = if failed { FAILED } else { FINE };
        let around = envelope(id) + era.open().len() + CONTENT.len() + close.len();
        let text = &self.filler[..self.filler.len().saturating_sub(around)];
        result(id, &[era.open(), CONTENT, text, close])
    }
}

/// Returns the name of a tool.
pub(super) fn name_of(number: usize) -> String {
    if number == 0 { "echo".to_owned() } else { format!("tool_{number:03}") }
}

fn describe_page(first: usize, end: usize, count: usize) -> Bytes {
    let tools: Vec<String> = (first..end).map(|number| describe(&name_of(number))).collect();
    let next = if end < count { format!(r#","nextCursor":"{end}""#) } else { String::new() };
    format!(r#""tools":[{}]{next}"#, tools.join(",")).into()
}

fn describe(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","title":"The tool {name}","description":"Answers a text of the configured size, whatever the arguments are. Every tool of this server does the same; they differ in their names only.","inputSchema":{{"type":"object","properties":{{"text":{{"type":"string","description":"A text, which is ignored"}},"count":{{"type":"integer","description":"A number, which is ignored"}}}}}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn names(page: &Value) -> Vec<&str> {
        page["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn pages_hold_every_tool_once_and_the_last_one_has_no_cursor() {
        let tools = Tools::new(5, 2, Bytes::new());
        let (mut cursor, mut found) = (None::<String>, Vec::new());
        loop {
            let text = tools.list(Era::Modern, "1", cursor.as_deref()).unwrap();
            let page: Value = serde_json::from_slice(&text).unwrap();
            found.extend(names(&page).into_iter().map(str::to_owned));
            assert_eq!(page["result"]["cacheScope"], "public");
            match page["result"]["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(found, ["echo", "tool_001", "tool_002", "tool_003", "tool_004"]);
        for wrong in ["1", "0", "6", "-2", "x", ""] {
            assert_eq!(tools.list(Era::Legacy, "1", Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_tool_is_found_by_its_exact_name() {
        let tools = Tools::new(1200, 100, Bytes::new());
        for number in [0, 1, 12, 999, 1000, 1199] {
            assert_eq!(tools.find(&name_of(number)), Some(number));
        }
        for wrong in ["tool_1", "tool_1200", "tool_000", "tool_+01", "Echo", ""] {
            assert_eq!(tools.find(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_result_fills_the_body_exactly() {
        let tools = Tools::new(1, 1, vec![b'x'; 1024].into());
        for era in [Era::Legacy, Era::Modern] {
            for failed in [false, true] {
                let text = tools.call(era, "\"abc\"", failed);
                assert_eq!(text.len(), 1024);
                let value: Value = serde_json::from_slice(&text).unwrap();
                assert_eq!(value["result"]["isError"], failed);
                assert_eq!(value["result"]["resultType"] == "complete", era == Era::Modern);
            }
        }
        let small = Tools::new(1, 1, Bytes::new()).call(Era::Legacy, "1", false);
        assert_eq!(serde_json::from_slice::<Value>(&small).unwrap()["result"]["content"][0]["text"], "");
    }
}
