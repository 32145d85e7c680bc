//! Ports that another process has.

use std::net::TcpListener;
use std::time::Duration;

use super::{Place, process};
use crate::beside;

#[test]
fn a_taken_port_is_named_with_its_owner_and_nothing_is_started() {
    let _beside = beside();
    let place = Place::new("taken");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spec = process(&["sh", "-c", "touch started"], &[]);
    spec.endpoints.ready = Some(format!("http://127.0.0.1:{port}/ready"));
    let error = place.launch(&spec).unwrap_err();
    let own = std::process::id();
    assert!(error.to_string().contains(&format!("port {port} is already taken by ")), "{error}");
    assert!(error.to_string().contains(&format!("(pid {own}); stop it with: kill {own}")), "{error}");
    assert!(!place.site().scratch.join("target/started").exists());
}

#[test]
fn a_port_lost_to_somebody_else_is_noticed_once_the_target_has_ended() {
    let _beside = beside();
    let place = Place::new("lost");
    let script = "until [ -e end ]; do sleep 0.01; done; exit 1";
    let running = place.launch(&process(&["sh", "-c", script, "{port.proxy}"], &[])).unwrap();
    let _thief = TcpListener::bind(running.endpoints.proxy.address.inet().unwrap()).unwrap();
    assert!(running.lost_port().is_none(), "it still runs");
    std::fs::write(place.site().scratch.join("target/end"), "").unwrap();
    while running.ended().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (port, owner) = running.lost_port().unwrap();
    assert_eq!((port, owner.pid.unsigned_abs()), (running.endpoints.proxy.port.unwrap(), std::process::id()));
}
