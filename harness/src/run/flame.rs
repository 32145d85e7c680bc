//! Folds the output of `perf script` into stacks, and draws them as a flame graph.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use inferno::collapse::Collapse;
use inferno::collapse::perf::Folder;
use inferno::flamegraph;

use crate::measure::profile::SelfTime;

/// Stacks, each on one line with the number of its samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// `process;outermost;…;innermost 42`, sorted.
    pub(crate) text: Vec<u8>,
    /// The sampled event, as perf names it; empty if there is no sample.
    pub(crate) event: String,
    pub(crate) samples: u64,
}

/// Folds the stacks of `script`, reading it to its end.
///
/// # Errors
/// Returns an error if it cannot be read or is not output of `perf script`.
pub(crate) fn fold(script: impl Read) -> io::Result<Folded> {
    let mut script = BufReader::new(script);
    let mut first = String::new();
    script.read_line(&mut first)?;
    let event = event(&first);
    let mut text = Vec::new();
    if !first.is_empty() {
        Folder::default().collapse(Cursor::new(first).chain(script), &mut text)?;
    }
    let samples = String::from_utf8_lossy(&text).lines().filter_map(parts).map(|(_, count)| count).sum();
    Ok(Folded { text, event, samples })
}

impl Folded {
    /// Adds the samples of another recording.
    pub(crate) fn add(&mut self, other: Self) {
        if self.event.is_empty() {
            self.event = other.event;
        }
        self.samples += other.samples;
        let texts = [&self.text, &other.text].map(|text| String::from_utf8_lossy(text).into_owned());
        let mut stacks: BTreeMap<&str, u64> = BTreeMap::new();
        for (stack, count) in texts.iter().flat_map(|text| text.lines()).filter_map(parts) {
            *stacks.entry(stack).or_insert(0) += count;
        }
        self.text = stacks.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect::<String>().into_bytes();
    }

    /// Returns the `most` functions in which most samples were taken, without the time of those that they call.
    pub(crate) fn top(&self, most: usize) -> Vec<SelfTime> {
        let text = String::from_utf8_lossy(&self.text);
        let mut functions: BTreeMap<&str, u64> = BTreeMap::new();
        for (stack, count) in text.lines().filter_map(parts) {
            let innermost = stack.rsplit(';').next().unwrap_or(stack);
            *functions.entry(innermost).or_insert(0) += count;
        }
        let mut sorted: Vec<(&str, u64)> = functions.into_iter().collect();
        sorted.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
        let one = |(function, samples): (&str, u64)| SelfTime { function: function.to_owned(), samples };
        sorted.into_iter().take(most).map(one).collect()
    }
}

/// Draws the stacks.
///
/// # Errors
/// Returns an error if there are none.
pub(crate) fn draw(folded: &Folded, title: &str, subtitle: &str) -> io::Result<Vec<u8>> {
    let mut options = flamegraph::Options::default();
    title.clone_into(&mut options.title);
    options.subtitle = Some(subtitle.to_owned());
    // One picture for one profile.
    options.deterministic = true;
    let mut graph = Vec::new();
    flamegraph::from_reader(&mut options, folded.text.as_slice(), &mut graph)?;
    Ok(graph)
}

/// Extracts the event from `proxy 4711/4711 12.345678: cpu-clock:pppH: `: `cpu-clock`, the last word without its
/// modifier.
fn event(line: &str) -> String {
    let word = line.split_whitespace().last().unwrap_or_default();
    word.split(':').next().unwrap_or_default().to_owned()
}

/// Returns a stack, and the number after it.
fn parts(line: &str) -> Option<(&str, u64)> {
    let (stack, count) = line.rsplit_once(' ')?;
    Some((stack, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of perf 6.1.
    const SCRIPT: &str = "\
proxy 4711/4711 12.345678: cpu-clock:pppH: \n\
\t    55d0c0a1b2c3 mock_upstream::clock::burn+0x13 (/usr/bin/proxy)\n\
\t    55d0c0a1b2d4 mock_upstream::sidecar::proxy::serve+0x44 (/usr/bin/proxy)\n\
\t    55d0c0a1b2e5 main+0x55 (/usr/bin/proxy)\n\
\n\
proxy 4711/4711 12.346680: cpu-clock:pppH: \n\
\t    55d0c0a1b2c3 mock_upstream::clock::burn+0x13 (/usr/bin/proxy)\n\
\t    55d0c0a1b2d4 mock_upstream::sidecar::proxy::serve+0x44 (/usr/bin/proxy)\n\
\t    55d0c0a1b2e5 main+0x55 (/usr/bin/proxy)\n\
\n\
proxy 4711/4712 12.347700: cpu-clock:pppH: \n\
\t    ffffffff81000000 do_syscall_64+0x5c ([kernel.kallsyms])\n\
\t    55d0c0a1b2e5 main+0x55 (/usr/bin/proxy)\n\
\n";

    #[test]
    fn stacks_are_folded_with_their_samples() {
        let folded = fold(SCRIPT.as_bytes()).unwrap();
        let text = String::from_utf8(folded.text.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let burning = "proxy;main;mock_upstream::sidecar::proxy::serve;mock_upstream::clock::burn 2";
        assert_eq!(lines, ["proxy;main;do_syscall_64 1", burning]);
        assert_eq!((folded.event.as_str(), folded.samples), ("cpu-clock", 3));
        let graph = String::from_utf8(draw(&folded, "a title", "below it").unwrap()).unwrap();
        assert!(graph.contains("<svg ") && graph.contains("mock_upstream::clock::burn") && graph.contains("a title"));
    }

    #[test]
    fn recordings_add_up_and_the_innermost_function_has_the_time() {
        let mut folded = Folded::default();
        folded.add(fold(SCRIPT.as_bytes()).unwrap());
        folded.add(fold(SCRIPT.as_bytes()).unwrap());
        assert_eq!((folded.event.as_str(), folded.samples), ("cpu-clock", 6));
        let text = String::from_utf8(folded.text.clone()).unwrap();
        assert!(text.starts_with("proxy;main;do_syscall_64 2\n") && text.ends_with("mock_upstream::clock::burn 4\n"));
        let top = |most| folded.top(most).into_iter().map(|one| (one.function, one.samples)).collect::<Vec<_>>();
        let (burn, call) = (("mock_upstream::clock::burn".to_owned(), 4), ("do_syscall_64".to_owned(), 2));
        assert_eq!((top(10), top(1)), (vec![burn.clone(), call], vec![burn]));
    }

    #[test]
    fn no_sample_is_no_stack() {
        let folded = fold(&b""[..]).unwrap();
        assert_eq!((folded.text.len(), folded.samples), (0, 0));
        assert!(draw(&folded, "", "").is_err());
    }
}
