//! Checks stops of one process and of all: after patience, when a child or the keeper is dropped, when the keeper dies.

use std::path::Path;
use std::time::Duration;

use super::{DETACHING, Folder, Sweep};
use crate::beside;
use crate::support::waiting::{comes_true, runtime};
use harness::measure::Ending;
use harness_base::units::Nanos;
use harness_rig::keeper::{Error, marked};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn a_process_that_ignores_sigterm_is_killed_after_patience() {
    let _beside = beside();
    let folder = Folder::new("stubborn");
    let keeper = folder.keeper();
    let stubborn = folder.shell(&keeper, "stubborn", "trap '' TERM; echo up; while :; do sleep 0.1; done");
    assert!(comes_true(|| !stubborn.log_tail(1).is_empty()));
    let patience = Nanos::from_millis(300);
    let stopped = runtime().block_on(stubborn.stop(patience));
    assert!(stopped.killed);
    assert_eq!(stopped.ending, Ending::Signal(Signal::SIGKILL as i32));
    assert!(stopped.took >= patience && stopped.took < Nanos::from_secs(60), "{}", stopped.took);
    assert_eq!(marked(&stubborn.mark), [0; 0]);
}

#[test]
fn a_stop_is_gentle_first_and_takes_detached_processes_with_it() {
    let _beside = beside();
    let folder = Folder::new("gentle");
    let keeper = folder.keeper();
    let polite = folder.shell(&keeper, "polite", "trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done");
    let detaching = folder.shell(&keeper, "detaching", DETACHING);
    let _sweep = Sweep(detaching.mark.clone());
    assert!(comes_true(|| !polite.log_tail(1).is_empty()));
    assert!(comes_true(|| marked(&detaching.mark).len() >= 4));
    let runtime = runtime();
    let stopped = runtime.block_on(polite.stop(Nanos::from_secs(10)));
    assert_eq!((stopped.ending, stopped.killed), (Ending::Code(7), false));
    let again = runtime.block_on(polite.stop(Nanos::from_secs(10)));
    assert_eq!((again.ending, again.took, again.strays), (Ending::Code(7), Nanos::ZERO, 0));
    assert!(marked(&detaching.mark).len() >= 4, "stopping one process must not touch another");
    let stopped = runtime.block_on(detaching.stop(Nanos::from_secs(10)));
    assert_eq!(stopped.ending, Ending::Signal(Signal::SIGTERM as i32));
    assert!(stopped.strays >= 3, "{stopped:?}");
    assert_eq!(marked(&detaching.mark), [0; 0]);
}

#[test]
fn a_dropped_child_is_killed_and_a_dropped_keeper_kills_all() {
    let _beside = beside();
    let folder = Folder::new("drop");
    let keeper = folder.keeper();
    let child = folder.shell(&keeper, "one", DETACHING);
    let mark = child.mark.clone();
    let _sweep = Sweep(mark.clone());
    assert!(comes_true(|| marked(&mark).len() >= 4));
    drop(child);
    assert!(comes_true(|| marked(&mark).is_empty()));

    let child = folder.shell(&keeper, "two", DETACHING);
    let mark = child.mark.clone();
    let _sweep = Sweep(mark.clone());
    assert!(comes_true(|| marked(&mark).len() >= 4));
    runtime().block_on(keeper.shutdown()).unwrap();
    assert_eq!(marked(&mark), [0; 0]);
    assert!(!Path::new(&format!("/proc/{}", keeper.pid())).exists());
    assert!(matches!(child.ended(), Some(Ending::Signal(_))));
}

#[test]
fn a_dead_keeper_is_noticed_and_takes_its_children_along() {
    let _beside = beside();
    let folder = Folder::new("dead");
    let keeper = folder.keeper();
    let child = keeper.spawn(folder.command("child", &["sleep", "1000"])).unwrap();
    kill(Pid::from_raw(keeper.pid()), Signal::SIGKILL).unwrap();
    assert_eq!(runtime().block_on(child.wait()), Ending::Signal(Signal::SIGKILL as i32));
    let refused = keeper.spawn(folder.command("late", &["sleep", "1000"]));
    assert!(matches!(refused, Err(Error::Gone { .. })), "{refused:?}");
}

#[test]
fn the_signals_of_a_terminal_do_not_reach_it() {
    let _beside = beside();
    let folder = Folder::new("signals");
    let keeper = folder.keeper();
    let child = keeper.spawn(folder.command("child", &["sleep", "1000"])).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE] {
        kill(Pid::from_raw(keeper.pid()), signal).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(child.ended(), None);
    let session = |pid: i32| nix::unistd::getsid(Some(Pid::from_raw(pid))).unwrap();
    assert_eq!(session(keeper.pid()).as_raw(), keeper.pid());
    assert_eq!(session(child.pid), session(keeper.pid()));
    let stopped = runtime().block_on(child.stop(Nanos::from_secs(5)));
    assert_eq!(stopped.ending, Ending::Signal(Signal::SIGTERM as i32));
}
