//! Removes secrets from the environment of this process.
//!
//! Every process of the same user, and every process of root, can read the environment with which a process was started, in
//! `/proc/PID/environ`. To unset a variable does not change that, so the values are overwritten in place.

#![expect(unsafe_code, reason = "the strings of the environment can only be changed through pointers")]

use std::collections::BTreeMap;
use std::ffi::{CStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::libc::c_char;

use harness_base::clock::Mono;
use harness_base::units::Nanos;

/// The time for threads to end that have done their work.
const ENDING: Nanos = Nanos::from_secs(2);

/// Variables that the harness and the programs it starts may need, and that hold no secret.
const KEPT: &[&str] = &[
    "CI",
    "COLUMNS",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "DOCKER_HOST",
    "FORCE_COLOR",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GITHUB_ACTIONS",
    "GITHUB_EVENT_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
    "HOME",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LINES",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "PWD",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];
/// Beginnings of such variables.
const KEPT_BEGINNINGS: &[&str] = &["FAKETIME", "HARNESS_", "LC_", "LLVM_PROFILE_", "RUST_", "XDG_"];

/// The end of the name of a variable of the harness that holds a secret.
const SECRET: &[u8] = b"_SECRET";

/// Returns whether a variable is kept.
fn is_kept(name: &[u8]) -> bool {
    if name.ends_with(SECRET) {
        return false;
    }
    KEPT.iter().any(|kept| kept.as_bytes() == name)
        || KEPT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning.as_bytes()))
}

/// Returns the variables of this process that a process of the harness may inherit.
pub fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| is_kept(name.as_bytes()))
}

/// Values that a scenario uses, and that are overwritten in the environment.
static USED: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// Returns the value of a variable, also if [`forget_secrets`] keeps it in memory only.
pub fn value(name: &str) -> Option<String> {
    USED.get().and_then(|used| used.get(name).cloned()).or_else(|| std::env::var(name).ok())
}

/// Values that are needed once, and that [`take`] removes.
static HELD: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Keeps the value of a variable in memory until [`take`] removes it, because [`forget_secrets`] overwrites it. Does nothing if it is not set.
pub fn hold(name: &str) {
    if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }
}

/// Removes a value that [`hold`] kept, and returns it.
pub fn take(name: &str) -> Option<String> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
}

/// Overwrites the values of all variables that are not known to be harmless. Those of `used`, which a scenario passes to its programs,
/// are kept in memory. No other thread may exist; waits for those that are ending.
///
/// # Errors
/// Returns an error, and changes nothing, if there is another thread that does not end.
pub fn forget_secrets(used: impl IntoIterator<Item = String>) -> io::Result<()> {
    let used = used.into_iter().filter_map(|name| Some((name.clone(), std::env::var(&name).ok()?)));
    USED.get_or_init(|| used.collect());
    wait_for_threads()?;
    unsafe extern "C" {
        static environ: *mut *mut c_char;
    }
    // SAFETY: `environ` ends with a null pointer, and each of its entries is a string that ends with 0 and may be written. No other
    // thread exists, so nothing reads them at the same time. The bytes that are written lie within the string.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let length = CStr::from_ptr(*entry).to_bytes().len();
            let text = std::slice::from_raw_parts_mut((*entry).cast::<u8>(), length);
            overwrite(text);
            entry = entry.add(1);
        }
    }
    Ok(())
}

/// Waits until this thread is the only one. A thread that was joined, or has sent its result, exists for a moment longer.
fn wait_for_threads() -> io::Result<()> {
    let end = Mono::now().after(ENDING);
    loop {
        let others = std::fs::read_dir("/proc/self/task")?.count().saturating_sub(1);
        if others == 0 {
            return Ok(());
        }
        if Mono::now() >= end {
            let message = format!(
                "the secrets in the environment cannot be overwritten, because {others} other thread(s) of the harness still run after \
                 {ENDING}; try again, with --baseline none if git is slow here"
            );
            return Err(io::Error::other(message));
        }
        std::thread::sleep(Nanos::from_millis(1).duration());
    }
}

/// Overwrites the value of `NAME=value`, unless the variable is kept.
fn overwrite(text: &mut [u8]) {
    let Some(at) = text.iter().position(|byte| *byte == b'=') else { return };
    let (name, value) = text.split_at_mut(at + 1);
    if !is_kept(&name[..at]) {
        value.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_unknown_variables_are_overwritten() {
        let after = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            overwrite(&mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(after("PATH=/bin"), "PATH=/bin");
        assert_eq!(after("HARNESS_PROFILE=dev"), "HARNESS_PROFILE=dev");
        assert_eq!(after("HARNESS_FLEET_SECRET=ab"), "HARNESS_FLEET_SECRET=\0\0");
        assert_eq!(after("HARNESS_FLEET_SECRET_FILE=/run/s"), "HARNESS_FLEET_SECRET_FILE=/run/s");
        assert_eq!(after("GITHUB_TOKEN=abc"), "GITHUB_TOKEN=\0\0\0");
        assert_eq!(after("DATABASE_URL=x=y"), "DATABASE_URL=\0\0\0");
        assert_eq!(after("EMPTY="), "EMPTY=");
        assert_eq!(after("nothing"), "nothing");
    }
}
