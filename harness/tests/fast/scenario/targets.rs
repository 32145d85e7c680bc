//! Targets and upstreams that are not processes of the harness.

use super::*;

#[test]
fn a_container_is_read_with_its_network_and_what_it_sees() {
    let table = "[target.container]\nbinary = \"builtin:sidecar\"\nnetwork = \"bridge\"\nuser = \"1:1\"\n\
        env = { A = \"{upstream.url}\" }\nmounts = [\"sidecar.toml:/etc/a\"]\nulimits = { nofile = 1024 }\n\
        capabilities = [\"CAP_NET_BIND_SERVICE\", \"CHOWN\"]\n";
    let text = GOOD.replace("[target.process]\n", table).replace("[\"builtin:sidecar\", ", "[");
    let found = mistakes(&text, &[]);
    let own_address = "answers at its own address, not on loopback (write http://{target.address}:8080)";
    assert!(found.len() == 2 && found.iter().all(|mistake| mistake.ends_with(own_address)), "{found:#?}");

    let text = text.replace("http://127.0.0.1:", "http://{target.address}:");
    let Launch::Container(container) = good(&text, &[]).target.launch else { panic!("a container") };
    assert_eq!(
        (container.image, container.network),
        (ImageSpec::Binary("builtin:sidecar".to_owned()), Network::Bridge)
    );
    assert_eq!((container.command.len(), container.ulimits), (4, vec![("nofile".to_owned(), 1024)]));
    assert_eq!(container.capabilities, ["NET_BIND_SERVICE", "CHOWN"]);
    let mounted = Placed { from: folder().join("sidecar.toml"), to: PathBuf::from("/etc/a") };
    assert_eq!((container.mounts, container.user.as_deref()), (vec![mounted], Some("1:1")));

    let unreachable = text.replace("[upstream.builtin]", "[upstream]\nurl = \"http://127.0.0.1:9\"");
    let found = mistakes(&unreachable, &[]);
    assert!(
        found.len() == 1 && found[0].contains("target.container.env.A: {upstream.url} is on loopback, out of reach"),
        "{found:#?}"
    );
    let untold = mistakes(&text.replace("{target.address}:{port.proxy}", "{target.address}:{port.prox}"), &[]);
    assert!(untold.len() == 1 && untold[0].contains("{port.prox} is not passed to any program"), "{untold:#?}");
}

#[test]
fn an_external_target_is_never_launched() {
    let text = GOOD.replace("[target.process]", "[target.external]\nport = 80 #").replace("command =", "#");
    let mut found = mistakes(&format!("{text}\n[stage.startup]\n[stage.idle]\nlaunches = 2\n"), &[]);
    let last = found.split_off(found.len() - 2);
    assert!(last[0].contains("launches the target, and an external target runs already"), "{last:#?}");
    assert!(last[1].contains("stage.idle.launches: harness cannot start an external target"), "{last:#?}");
    assert!(found.iter().all(|mistake| mistake.contains("cannot be a free port")) && found.len() == 2, "{found:#?}");
    let text = text.replace("{port.proxy}", "80").replace("{port.admin}", "81");
    let scenario = good(&format!("{text}\n[stage.idle]\n"), &[]);
    assert!(matches!(scenario.target.launch, Launch::External(_)));
    assert!(matches!(&scenario.stages[2].work, Work::Idle(idle) if idle.launches == 1));
}

#[test]
fn an_upstream_of_the_authors_own_is_reported_its_port_and_counts_no_hits() {
    let own = "[upstream.process]\ncommand = [\"up\", \"{port.up}\"]\nurl = \"http://127.0.0.1:{port.up}\"";
    let scenario = good(&GOOD.replace("[upstream.builtin]", own), &[]);
    assert!(matches!(scenario.stages[0].upstream, Some(Upstream::Process { .. })));
    assert_eq!(scenario.stages[0].requests[0].expect.upstream_hits, LedgerRule::Unknown);
    let wrong = own.replace("\"{port.up}\"]", "\"{file.a}\"]");
    let found = mistakes(
        &GOOD.replace("[upstream.builtin]", &wrong).replace("status =", "upstream_hits = \"exact\", status ="),
        &[],
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("{file.a} belongs to the target"), "{found:#?}");
    assert!(found[1].contains("{port.up} is not passed to any program"), "{found:#?}");
    assert!(found[2].contains("only the bundled upstream counts its hits"), "{found:#?}");
}
