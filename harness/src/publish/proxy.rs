//! Chooses the proxy from the environment, by rules that are the same on every host.

/// Variables that name a proxy; the first one that is set wins.
const PROXIES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Variables with the hosts that are reached directly.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Returns the address of the proxy for `host`; `None` where the connection is direct.
pub(super) fn of(variable: impl Fn(&str) -> Option<String>, host: &str) -> Option<String> {
    let proxy = PROXIES.iter().filter_map(|name| variable(name)).find(|value| is_address(value))?;
    let exceptions = EXCEPTIONS.iter().find_map(|name| variable(name)).unwrap_or_default();
    let direct = exceptions.split(',').any(|pattern| matches(pattern, &host.to_ascii_lowercase()));
    (!direct).then_some(proxy)
}

/// Extracts the host of a URL.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// Returns whether this is the address of a proxy; the scheme is optional.
fn is_address(value: &str) -> bool {
    let value = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    reqwest::Url::parse(&value).is_ok_and(|url| url.has_host())
}

/// Returns whether `host`, in lower case, is one of those that `pattern` names: exactly, by its end (`.example.com`, `*.example.com`), by its
/// start (`10.*`, `10.`), or all (`*`).
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => host.ends_with(end),
        (None, Some(start)) => host.starts_with(start),
        (None, None) if pattern.starts_with('.') => host.ends_with(&pattern),
        (None, None) if pattern.ends_with('.') => host.starts_with(&pattern),
        (None, None) => host == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        of(variable, host("https://API.github.com:443/v3"))
    }

    #[test]
    fn the_first_usable_variable_names_the_proxy() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[("HTTPS_PROXY", "")]), None);
        assert_eq!(chosen(&[("http_proxy", "proxy:3128")]), Some("proxy:3128".to_owned()));
        let several = [("HTTP_PROXY", "http://c"), ("https_proxy", "http://b"), ("HTTPS_PROXY", "http://")];
        assert_eq!(chosen(&several), Some("http://b".to_owned()));
        assert_eq!(chosen(&[("HTTPS_PROXY", "http://b"), ("ALL_PROXY", "http://a")]), Some("http://a".to_owned()));
    }

    #[test]
    fn exceptions_match_whole_names_ends_and_starts() {
        for pattern in ["*", "api.github.com", "API.GitHub.com", ".github.com", "*.github.com", "api.*", "api.", "x,*"]
        {
            assert_eq!(chosen(&[("ALL_PROXY", "http://a"), ("NO_PROXY", pattern)]), None, "{pattern}");
        }
        for pattern in ["", "github.com", "hub.com", "api.github", "x,y"] {
            let found = chosen(&[("ALL_PROXY", "http://a"), ("no_proxy", pattern)]);
            assert_eq!(found, Some("http://a".to_owned()), "{pattern}");
        }
    }

    #[test]
    fn a_host_is_what_stands_between_the_scheme_and_the_port() {
        for (url, expected) in [
            ("https://a.b/c", "a.b"),
            ("https://a.b:8443", "a.b"),
            ("https://[::1]:80/x", "::1"),
            ("http://a?b=c:1", "a"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
