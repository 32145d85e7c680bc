//! Finds the numbers in a text that may be ports, with the hosts in front of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A number between 1 and 65535 that stands alone or behind a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The digits.
    pub(super) digits: Range<usize>,
    /// Scheme, host and digits; the digits alone if the host is none of this machine.
    pub(super) whole: Range<usize>,
    pub(super) host: Host,
    pub(super) scheme: Scheme,
    pub(super) port: u16,
}

/// What stands in front of the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// There is no colon, or nothing in front of it.
    Absent,
    /// An address of loopback; `localhost` is 127.0.0.1.
    Loopback(IpAddr),
    /// Every address of this host.
    Any,
    /// Another host, or a word.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Absent,
    Http,
    Https,
}

impl Mention {
    /// Returns the loopback address, if the text names one.
    pub(super) const fn loopback(&self) -> Option<IpAddr> {
        match self.host {
            Host::Loopback(address) => Some(address),
            Host::Absent | Host::Any | Host::Other => None,
        }
    }
}

/// Finds all mentions in the order of the text.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|skipped| at + skipped) {
        let length = bytes.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        at = start + length;
        found.extend(mention(text, start..at));
    }
    found
}

fn mention(text: &str, digits: Range<usize>) -> Option<Mention> {
    let (before, after) = (text.get(..digits.start)?, text.get(digits.end..)?);
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let decimal = after.starts_with('.') && after.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let in_brackets = before.ends_with(':') && after.starts_with(']');
    if before.bytes().last().is_some_and(joins) || decimal || in_brackets {
        return None;
    }
    if after.bytes().next().is_some_and(|next| next.is_ascii_alphanumeric() || next == b'_') {
        return None;
    }
    let number = text.get(digits.clone())?;
    let port = number.parse().ok().filter(|port| *port != 0 && !number.starts_with('0'))?;
    let (host, start) = host(before);
    let front = text.get(..start)?;
    let (scheme, start) = match (front.strip_suffix("http://"), front.strip_suffix("https://")) {
        (Some(front), _) => (Scheme::Http, front.len()),
        (None, Some(front)) => (Scheme::Https, front.len()),
        (None, None) => (Scheme::Absent, start),
    };
    Some(Mention { whole: start..digits.end, digits, host, scheme, port })
}

/// Returns the host at the end of `before`, which must end with a colon, and where it begins.
fn host(before: &str) -> (Host, usize) {
    let Some(front) = before.strip_suffix(':') else { return (Host::Absent, before.len()) };
    if let Some((_, inside)) = front.strip_suffix(']').and_then(|front| front.rsplit_once('[')) {
        let start = front.len() - inside.len() - 2;
        let host = of_address(inside.parse::<Ipv6Addr>().map(IpAddr::from).ok());
        return (host, if host == Host::Other { before.len() } else { start });
    }
    let part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '*');
    let name = front.trim_end_matches(part);
    let (start, name) = (name.len(), front.get(name.len()..).unwrap_or_default());
    let host = match name {
        "" => Host::Absent,
        "*" => Host::Any,
        "localhost" => Host::Loopback(IpAddr::from(Ipv4Addr::LOCALHOST)),
        name => of_address(name.parse::<Ipv4Addr>().map(IpAddr::from).ok()),
    };
    (host, if matches!(host, Host::Absent | Host::Other) { before.len() } else { start })
}

fn of_address(address: Option<IpAddr>) -> Host {
    match address {
        Some(address) if address.is_loopback() => Host::Loopback(address),
        Some(address) if address.is_unspecified() => Host::Any,
        _ => Host::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_mention_is_a_port_at_its_place_and_mentions_do_not_overlap(text in "[a-z0-9.:\\[\\]/ü*{} -]{0,40}") {
            let mut end = 0;
            for mention in mentions(&text) {
                prop_assert_eq!(text[mention.digits.clone()].parse::<u16>().ok(), Some(mention.port));
                prop_assert!(mention.whole.start >= end && mention.whole.end == mention.digits.end, "{:?}", mention);
                prop_assert!(mention.whole.start <= mention.digits.start);
                end = mention.whole.end;
            }
        }
    }

    fn found(text: &str) -> Vec<(u16, Host, Scheme, &str)> {
        let all = mentions(text).into_iter();
        all.map(|one| (one.port, one.host, one.scheme, &text[one.whole])).collect()
    }

    const LOCAL: Host = Host::Loopback(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn addresses_are_found_with_host_and_scheme() {
        assert_eq!(found("127.0.0.1:9000"), [(9000, LOCAL, Scheme::Absent, "127.0.0.1:9000")]);
        assert_eq!(found("--to=http://localhost:91/x"), [(91, LOCAL, Scheme::Http, "http://localhost:91")]);
        assert_eq!(found("https://127.0.0.1:9443"), [(9443, LOCAL, Scheme::Https, "https://127.0.0.1:9443")]);
        let six = Host::Loopback(IpAddr::from(Ipv6Addr::LOCALHOST));
        assert_eq!(found("listen [::1]:80;"), [(80, six, Scheme::Absent, "[::1]:80")]);
        assert_eq!(found("0.0.0.0:80 *:81 [::]:82").iter().map(|one| one.1).collect::<Vec<_>>(), [Host::Any; 3]);
        assert_eq!(found("example.com:443 10.0.0.1:80").iter().map(|one| one.1).collect::<Vec<_>>(), [Host::Other; 2]);
    }

    #[test]
    fn numbers_that_stand_alone_are_found_and_parts_of_others_are_not() {
        let bare = |port| (port, Host::Absent, Scheme::Absent);
        let all =
            |text| found(text).into_iter().map(|(port, host, scheme, _)| (port, host, scheme)).collect::<Vec<_>>();
        assert_eq!(all("listen 9000; :9001 {\"port\":9002} --port=9003"), [9000, 9001, 9002, 9003].map(bare));
        for text in ["10s", "0", "70000", "1.5", "v2", "a-1", "-1", "080", "0x10", "1_000", "127.0.0.1", "2024-01-02"] {
            assert_eq!(all(text).iter().filter(|one| one.0 != 2024).count(), 0, "{text}: {:?}", all(text));
        }
    }
}
