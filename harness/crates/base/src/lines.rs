//! Splits what is read from a pipe into lines.

/// The beginning of a line whose end was not read yet.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Calls `each` with every line that `chunk` completes, with its line end, and keeps the beginning of the next one.
    pub fn split(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let is_complete = part.ends_with(b"\n");
            if is_complete && self.rest.is_empty() {
                each(part);
                continue;
            }
            self.rest.extend_from_slice(part);
            if is_complete {
                each(&self.rest);
                self.rest.clear();
            }
        }
    }

    /// Returns how many bytes of the next line are known.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_come_in_parts_and_a_part_can_have_several_lines() {
        let (mut lines, mut complete) = (Lines::default(), Vec::new());
        for chunk in ["a", "b\nc\n\nd", "", "\n", "e"] {
            lines.split(chunk.as_bytes(), |line| complete.push(String::from_utf8_lossy(line).into_owned()));
        }
        assert_eq!(complete, ["ab\n", "c\n", "\n", "d\n"]);
        assert_eq!(lines.pending(), 1);
    }
}
