//! How a scenario names unix sockets and IPv6.

use harness_rig::target::spec::Upstream;

use super::*;

/// Every address is that of a unix socket.
fn at_sockets() -> String {
    let text = GOOD.replace("\"127.0.0.1:{port.proxy}\"", "\"unix:{socket.proxy}\"");
    let text = text.replace("http://127.0.0.1:{port.proxy}", "unix://{socket.proxy}");
    text.replace("[upstream.builtin]", "[upstream.builtin]\nunix = true")
}

#[test]
fn endpoints_and_the_upstream_are_at_sockets_or_at_ipv6() {
    let found = good(&at_sockets(), &[]);
    assert_eq!(found.target.endpoints.proxy, "unix://{socket.proxy}");
    let upstream = |found: Scenario| found.stages.iter().find_map(|stage| stage.upstream.clone());
    assert!(matches!(upstream(found), Some(Upstream::Builtin(builtin)) if builtin.unix));
    let health = "unix://{socket.admin}:/health";
    let admin = at_sockets().replace("127.0.0.1:{port.admin}\"]", "unix:{socket.admin}\"]");
    let admin = admin.replace("http://127.0.0.1:{port.admin}/ready", health);
    assert_eq!(good(&admin, &[]).target.endpoints.ready.as_deref(), Some(health));

    let ipv6 =
        GOOD.replace("127.0.0.1", "[::1]").replace("[upstream.builtin]", "[upstream.builtin]\naddress = \"::1\"");
    let found = good(&ipv6, &[]);
    assert_eq!(found.target.endpoints.proxy, "http://[::1]:{port.proxy}");
    assert!(matches!(upstream(found), Some(Upstream::Builtin(builtin)) if builtin.address == "::1".parse().ok()));
}

#[test]
fn mistakes_of_sockets_are_named() {
    let (text, builtin) = (at_sockets(), "[upstream.builtin]\n");
    for (from, to, message) in [
        ("unix:{socket.proxy}", "unix:{socket.proxi}", "{socket.proxy} is not passed to any program"),
        ("unix:{socket.proxy}", "unix:{socket.proxi}", "did you mean {socket.proxi}?"),
        ("unix://{socket.proxy}", "unix://{socket.proxy}:/a", "must end after the port or the socket"),
        ("unix://{socket.proxy}", "unix://a.sock", "is not the URL of a socket such as unix:///run/proxy.sock"),
        (builtin, "[upstream.builtin]\ntls = true\n", "a unix socket is measured without TLS"),
        (builtin, "[upstream.builtin]\naddress = \"::1\"\n", "a unix socket has no IP address"),
        ("unix = true", "address = \"10.0.0.1\"", "10.0.0.1 is not a loopback address"),
        ("unix = true", "address = \"home\"", "must be an IP address"),
    ] {
        let found = mistakes(&text.replacen(from, to, 1), &[]);
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:#?}");
    }
}

#[test]
fn a_container_shares_no_socket_with_this_host() {
    let text = at_sockets().replace("[target.process]", "[target.container]\nbinary = \"builtin:sidecar\"");
    let text = text.replace("command = [\"builtin:sidecar\", ", "command = [\"--upstream\", \"{upstream.url}\", ");
    let found = mistakes(&text, &[]);
    let named = |key: &str, words: &str| found.iter().any(|mistake| mistake.contains(key) && mistake.contains(words));
    assert!(named("target.endpoints.proxy", "{socket.proxy}: a container does not share unix sockets"), "{found:#?}");
    assert!(named("target.container.command", "{upstream.url} is at a unix socket"), "{found:#?}");
}
