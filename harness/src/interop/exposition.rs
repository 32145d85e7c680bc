//! Reads the text in which programs expose metrics: the formats of Prometheus and OpenMetrics.
//!
//! The crates that read it do not fit. `prometheus-parse` 0.2 merges the series of a histogram that differ in their labels, and splits label
//! values at commas; `openmetrics-parser` 0.4 is under the LGPL, and `openmetrics` 0.2 (2020) panics at malformed text. Only names, labels
//! and values are needed here: types, comments, timestamps and exemplars are passed over.

/// The most samples that are read.
const MOST_SAMPLES: usize = 100_000;
/// The most labels of a sample.
const MOST_LABELS: usize = 64;

/// The samples of an answer, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    pub samples: Vec<Sample>,
}

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    /// Names and values, sorted.
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

/// A line that is not as the format demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no metric: {what}")]
pub struct Malformed {
    /// From 1.
    pub line: usize,
    what: &'static str,
}

impl Exposition {
    /// Reads the whole text.
    ///
    /// # Errors
    /// Returns the first line that is malformed, or that is one too many.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut samples = Vec::new();
        for (line, written) in (1..).zip(text.lines()) {
            let written = written.trim();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            if samples.len() == MOST_SAMPLES {
                return Err(Malformed { line, what: "more than 100000 samples" });
            }
            samples.push(sample(written).map_err(|what| Malformed { line, what })?);
        }
        Ok(Self { samples })
    }

    /// Iterates over the samples with this name that have all of `labels`.
    pub fn of<'e>(
        &'e self,
        name: &'e str,
        labels: impl Iterator<Item = (&'e String, &'e String)> + Clone + 'e,
    ) -> impl Iterator<Item = &'e Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name && labels.clone().all(|(name, value)| sample.label(name) == Some(value.as_str()))
        })
    }
}

impl Sample {
    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Returns whether a text can be the name of a metric.
pub fn is_metric_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
    text.bytes().all(fits) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

type Labels = Vec<(String, String)>;

fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace()).ok_or("it has no value")?;
    let (name, rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err("its name has other characters than letters, digits, _ and :");
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next().ok_or("it has no value")?;
    Ok(Sample { name: name.to_owned(), labels, value: value.parse().map_err(|_| "its value is no number")? })
}

/// Reads labels and the closing brace. Returns what follows.
fn labels(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(rest) = rest.strip_prefix('}') {
            labels.sort();
            return Ok((labels, rest));
        }
        if labels.len() == MOST_LABELS {
            return Err("it has more than 64 labels");
        }
        let (name, quoted) = rest.split_once('=').ok_or("its labels have no end")?;
        let quoted = quoted.trim_start().strip_prefix('"').ok_or("the value of a label is not in quotes")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// Reads a label's value up to its closing quote. Returns what follows.
fn unquoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("the value of a label has no closing quote")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(line: &str) -> (String, Vec<(String, String)>, f64) {
        let found = Exposition::parse(line).unwrap().samples;
        let [Sample { name, labels, value }] = found.as_slice() else { panic!("{found:?}") };
        (name.clone(), labels.clone(), *value)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_sample_has_a_name_labels_and_a_value() {
        assert_eq!(only("up 1"), ("up".to_owned(), vec![], 1.0));
        assert_eq!(only("a:b_total{} 1.5e3 1395066363000"), ("a:b_total".to_owned(), vec![], 1500.0));
        let quoted = r#"x{path="C:\\a,b}\"c\"",n="1\n2",} +Inf"#;
        assert_eq!(
            only(quoted),
            ("x".to_owned(), vec![pair("n", "1\n2"), pair("path", "C:\\a,b}\"c\"")], f64::INFINITY)
        );
        let exemplar = "x_bucket{le=\"0.1\"} 7 # {trace_id=\"abc\"} 0.05 1520879607.789";
        assert_eq!(only(exemplar), ("x_bucket".to_owned(), vec![pair("le", "0.1")], 7.0));
    }

    #[test]
    fn comments_are_passed_over_and_series_differ_by_their_labels() {
        let text = "# HELP x Times.\n# TYPE x histogram\nx_sum{decision=\"permit\",m=\"a\"} 3\nx_sum{decision=\"deny\"} 4\n\n# EOF\n";
        let read = Exposition::parse(text).unwrap();
        let labels = [pair("decision", "deny")];
        let of = |labels: &[(String, String)]| {
            read.of("x_sum", labels.iter().map(|(name, value)| (name, value)))
                .map(|sample| sample.value)
                .collect::<Vec<_>>()
        };
        assert_eq!((of(&labels), of(&[])), (vec![4.0], vec![3.0, 4.0]));
    }

    #[test]
    fn a_malformed_line_is_named() {
        for (text, line) in [
            ("up 1\nup", 2),
            ("up{a=\"1\" 1", 1),
            ("up{a=1} 1", 1),
            ("up{a=\"1} 1", 1),
            ("up one", 1),
            ("1up 1", 1),
            ("<html>", 1),
            ("up{a=\"\\", 1),
        ] {
            assert_eq!(Exposition::parse(text).map_err(|malformed| malformed.line), Err(line), "{text}");
        }
        let many = "up 1\n".repeat(MOST_SAMPLES + 1);
        assert_eq!(Exposition::parse(&many).unwrap_err().line, MOST_SAMPLES + 1);
    }
}
