//! How a scenario speaks TLS.

use harness_load::spec::{TlsSpec, TlsVersion};
use harness_rig::target::spec::Upstream;

use super::*;

#[test]
fn tls_has_defaults_and_keys_of_its_own() {
    assert_eq!(good(GOOD, &[]).generator.tls, TlsSpec::default());
    let secure = GOOD.replacen("proxy = \"http:", "proxy = \"https:", 1);
    let table = "\n[generator.tls]\nversion = \"1.2\"\nserver_name = \"proxy.example\"\nresumption = false\n";
    let found = good(&format!("{secure}{table}"), &[]);
    assert!(found.target.endpoints.proxy.starts_with("https://"));
    let (version, server_name) = (Some(TlsVersion::Tls12), Some("proxy.example".to_owned()));
    assert_eq!(found.generator.tls, TlsSpec { version, server_name, resumption: false, ..TlsSpec::default() });
    let upstream = good(GOOD, &["upstream.builtin.tls=true"]).stages.iter().find_map(|stage| stage.upstream.clone());
    assert!(matches!(upstream, Some(Upstream::Builtin(builtin)) if builtin.tls));
}

#[test]
fn mistakes_of_tls_are_named() {
    for (table, message) in [
        ("version = \"1.1\"", "generator.tls.version"),
        ("ca = \"no-such.pem\"", "cannot read no-such.pem"),
        ("verify = false", "generator.tls.verify"),
    ] {
        let found = mistakes(&format!("{GOOD}\n[generator.tls]\n{table}\n"), &[]);
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:#?}");
    }
    let probed = GOOD.replacen("ready = \"http:", "ready = \"https:", 1);
    assert_eq!(mistakes(&probed, &[]), [""; 0]);
}
