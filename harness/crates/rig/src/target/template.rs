//! Placeholders: `{port.NAME}`, `{socket.NAME}`, `{file.NAME}`, `{upstream.url}`, `{upstream.address}`, `{upstream.path}`, `{target.address}`, `{pod}`, `{egress.proxy}`, `{egress.ca}`, `{ca.file}`, `{cert.file}`,
//! `{key.file}` and, outside files, `${VAR}` and
//! `${VAR:-default}`.
//!
//! The check of a scenario and a launch both use [`Template`], so they accept the same texts.

use super::certificates::CertificateFile;
use crate::environment;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `{port.NAME}`: a free port, the same for each occurrence of the name.
    Port(String),
    /// `{socket.NAME}`: the path of a unix socket that does not exist yet, the same for each occurrence of the name.
    Socket(String),
    /// `{file.NAME}`: the path of a rendered file of `[target.files]`.
    File(String),
    /// `{upstream.url}`: `http://HOST:PORT` or `unix:///PATH` of the upstream, without a slash at the end.
    UpstreamUrl,
    /// `{upstream.address}`: `HOST:PORT` or `unix:/PATH` of the upstream.
    UpstreamAddress,
    /// `{upstream.path}`: the path of the upstream's unix socket.
    UpstreamPath,
    /// `{target.address}`: the address of the target, known once it runs.
    TargetAddress,
    /// `{pod}`: the address of the pod of the target, known once it runs.
    Pod,
    /// `{egress.proxy}`: the URL of the proxy that connects to the foreign hosts of the scenario.
    EgressProxy,
    /// `{egress.ca}`: the path of the certificate that signed those of the foreign hosts.
    EgressAuthority,
    /// `{ca.file}`, `{cert.file}` or `{key.file}`: the path of a certificate of the run.
    Certificate(CertificateFile),
    /// `${NAME}` or `${NAME:-default}`; as in a shell, the default also stands in for an empty value.
    Variable {
        name: String,
        default: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// The reason why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{0:?} has a }} without its {{; write {{{{ and }}}} for literal braces")]
    UnmatchedClose(String),
    #[error("{0:?} has a {{ without its }}; write {{{{ and }}}} for literal braces")]
    UnmatchedOpen(String),
    #[error(
        "{{{0}}} is not a placeholder; there are {{port.NAME}}, {{socket.NAME}}, {{file.NAME}}, {{upstream.url}}, \
         {{upstream.address}}, {{upstream.path}}, {{target.address}}, {{pod}}, {{egress.proxy}}, {{egress.ca}}, {{ca.file}}, {{cert.file}}, {{key.file}} and ${{VAR:-default}}"
    )]
    Unknown(String),
    #[error("${{{0}}} names no environment variable; write ${{VAR}} or ${{VAR:-default}}")]
    Variable(String),
}

impl Piece {
    /// Returns how it is written in a scenario, without its default.
    pub fn written(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Port(name) => format!("{{port.{name}}}"),
            Self::Socket(name) => format!("{{socket.{name}}}"),
            Self::File(name) => format!("{{file.{name}}}"),
            Self::UpstreamUrl => "{upstream.url}".to_owned(),
            Self::UpstreamAddress => "{upstream.address}".to_owned(),
            Self::UpstreamPath => "{upstream.path}".to_owned(),
            Self::TargetAddress => "{target.address}".to_owned(),
            Self::Pod => "{pod}".to_owned(),
            Self::EgressProxy => "{egress.proxy}".to_owned(),
            Self::EgressAuthority => "{egress.ca}".to_owned(),
            Self::Certificate(file) => format!("{{{}}}", file.placeholder()),
            Self::Variable { name, .. } => format!("${{{name}}}"),
        }
    }
}

impl Template {
    /// Reads a text of the scenario (command, environment, URL). `{{` and `}}` stand for single braces.
    ///
    /// # Errors
    /// Returns an error for an unknown placeholder or an unmatched brace.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let variable = rest[at..].starts_with('{') && rest[..at].ends_with('$');
            push_text(&mut pieces, &rest[..at - usize::from(variable)]);
            let tail = &rest[at..];
            rest = if let Some(after) = tail.strip_prefix("{{").filter(|_| !variable) {
                push_text(&mut pieces, "{");
                after
            } else if let Some(after) = tail.strip_prefix("}}") {
                push_text(&mut pieces, "}");
                after
            } else {
                let (inside, after) = braced(tail, text)?;
                pieces.push(if variable { environment(inside)? } else { placeholder(inside)? });
                after
            };
        }
        push_text(&mut pieces, rest);
        Ok(Self(pieces))
    }

    /// Reads the text of a file of `[target.files]`. Files are full of braces of their own, so anything that is not exactly
    /// a placeholder stays as it is, `${VAR}` included: it belongs to the program that reads the file.
    pub fn parse_file(text: &str) -> Self {
        let mut pieces = Vec::new();
        let (mut rest, mut from) = (text, 0);
        while let Some(at) = rest[from..].find('{').map(|at| at + from) {
            let inside = rest[at + 1..].split_once('}').map(|(inside, _)| inside);
            match inside.map(|inside| (inside, placeholder(inside))) {
                // The address of a pod is not known where files are made, and `{pod}` is what other programs write too.
                Some((inside, Ok(piece))) if piece != Piece::Pod => {
                    push_text(&mut pieces, &rest[..at]);
                    pieces.push(piece);
                    rest = &rest[at + inside.len() + 2..];
                    from = 0;
                }
                _ => from = at + 1,
            }
        }
        push_text(&mut pieces, rest);
        Self(pieces)
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Returns the text with every placeholder replaced by what `resolve` says; it is not asked about plain text.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn render<E>(&self, mut resolve: impl FnMut(&Piece) -> Result<String, E>) -> Result<String, E> {
        let parts: Result<Vec<String>, E> = self
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Ok(text.clone()),
                other => resolve(other),
            })
            .collect();
        parts.map(|parts| parts.concat())
    }
}

/// Returns the value of `${name}` or `${name:-default}`: the default stands in for a variable that is unset or empty.
pub fn variable(name: &str, default: Option<&str>) -> Option<String> {
    let set = environment::value(name).filter(|value| !value.is_empty());
    set.or_else(|| default.map(ToOwned::to_owned))
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Returns what stands between the brace at the start of `tail` and its partner, and what follows.
fn braced<'t>(tail: &'t str, whole: &str) -> Result<(&'t str, &'t str), TemplateError> {
    let Some(open) = tail.strip_prefix('{') else {
        return Err(TemplateError::UnmatchedClose(whole.to_owned()));
    };
    open.split_once('}')
        .filter(|(inside, _)| !inside.contains('{'))
        .ok_or_else(|| TemplateError::UnmatchedOpen(whole.to_owned()))
}

fn placeholder(inside: &str) -> Result<Piece, TemplateError> {
    if let Some(file) = CertificateFile::ALL.into_iter().find(|file| file.placeholder() == inside) {
        return Ok(Piece::Certificate(file));
    }
    if inside == "pod" {
        return Ok(Piece::Pod);
    }
    match inside.split_once('.') {
        Some(("port", name)) if is_name(name) => Ok(Piece::Port(name.to_owned())),
        Some(("socket", name)) if is_name(name) && !name.contains('/') => Ok(Piece::Socket(name.to_owned())),
        Some(("file", name)) if is_name(name) => Ok(Piece::File(name.to_owned())),
        Some(("upstream", "url")) => Ok(Piece::UpstreamUrl),
        Some(("upstream", "address")) => Ok(Piece::UpstreamAddress),
        Some(("upstream", "path")) => Ok(Piece::UpstreamPath),
        Some(("target", "address")) => Ok(Piece::TargetAddress),
        Some(("egress", "proxy")) => Ok(Piece::EgressProxy),
        Some(("egress", "ca")) => Ok(Piece::EgressAuthority),
        _ => Err(TemplateError::Unknown(inside.to_owned())),
    }
}

fn environment(inside: &str) -> Result<Piece, TemplateError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (inside, None),
    };
    let well_formed = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if well_formed {
        Ok(Piece::Variable { name: name.to_owned(), default })
    } else {
        Err(TemplateError::Variable(inside.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(template: &Template) -> String {
        let shown: Result<String, ()> = template.render(|piece| {
            Ok(match piece {
                Piece::Text(text) => text.clone(),
                Piece::Port(name) => format!("<port {name}>"),
                Piece::Socket(name) => format!("<socket {name}>"),
                Piece::File(name) => format!("<file {name}>"),
                Piece::UpstreamUrl => "<url>".to_owned(),
                Piece::UpstreamAddress => "<address>".to_owned(),
                Piece::UpstreamPath => "<path>".to_owned(),
                Piece::TargetAddress => "<target>".to_owned(),
                Piece::Pod => "<pod>".to_owned(),
                Piece::EgressProxy => "<egress proxy>".to_owned(),
                Piece::EgressAuthority => "<egress authority>".to_owned(),
                Piece::Certificate(file) => format!("<{}>", file.placeholder()),
                Piece::Variable { name, default } => format!("<{name} or {}>", default.as_deref().unwrap_or("-")),
            })
        });
        shown.unwrap_or_default()
    }

    #[test]
    fn every_placeholder_is_found_and_the_rest_is_kept() {
        let text = "a{{b}} ${X:-builtin:y} ${Z} http://127.0.0.1:{port.proxy}/{file.a.conf}?{upstream.url}|{upstream.address}|{upstream.path}|{socket.a}|{target.address}|{pod}|{ca.file}|{key.file}|{egress.proxy}|{egress.ca}$";
        let shown = Template::parse(text).map(|template| show(&template));
        let expected = "a{b} <X or builtin:y> <Z or -> http://127.0.0.1:<port proxy>/<file a.conf>?<url>|<address>|<path>|<socket a>|<target>|<pod>|<ca.file>|<key.file>|<egress proxy>|<egress authority>$";
        assert_eq!(shown.as_deref(), Ok(expected));
    }

    #[test]
    fn other_braces_are_refused_with_a_reason() {
        for (text, reason) in [
            ("{port.proxy", "{ without its }"),
            ("port.proxy}", "} without its {"),
            ("{port.{x}}", "{ without its }"),
            ("{prot.proxy}", "is not a placeholder"),
            ("{upstream.uri}", "is not a placeholder"),
            ("{port.}", "is not a placeholder"),
            ("{socket.a/b}", "is not a placeholder"),
            ("${1X}", "names no environment variable"),
        ] {
            let message = Template::parse(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{text}: {message}");
        }
    }

    #[test]
    fn a_file_keeps_its_own_braces() {
        let text = "http { server { listen 127.0.0.1:{port.proxy}; } } url: \"${UPSTREAM}\" {{ {upstream.address}} {prot.x} {pod}";
        let expected =
            "http { server { listen 127.0.0.1:<port proxy>; } } url: \"${UPSTREAM}\" {{ <address>} {prot.x} {pod}";
        assert_eq!(show(&Template::parse_file(text)), expected);
    }
}
