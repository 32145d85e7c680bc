//! Folds the output of `perf script` into stacks, and draws them as a flame graph.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use inferno::collapse::Collapse;
use inferno::collapse::perf::Folder;
use inferno::flamegraph;

/// Stacks, each on one line with the number of its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    let samples = String::from_utf8_lossy(&text).lines().filter_map(count).sum();
    Ok(Folded { text, event, samples })
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

/// Returns the number after a stack.
fn count(line: &str) -> Option<u64> {
    line.rsplit_once(' ')?.1.parse().ok()
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
    fn no_sample_is_no_stack() {
        let folded = fold(&b""[..]).unwrap();
        assert_eq!((folded.text.len(), folded.samples), (0, 0));
        assert!(draw(&folded, "", "").is_err());
    }
}
