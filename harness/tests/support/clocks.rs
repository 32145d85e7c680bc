//! Clocks of other machines, as far as one machine can have them.

use std::process::Command;
use std::sync::OnceLock;

/// Returns whether processes can have other monotonic clocks here. Says so if they cannot.
pub fn may_shift() -> bool {
    static MAY: OnceLock<bool> = OnceLock::new();
    *MAY.get_or_init(|| {
        let tried = Command::new("unshare").args(["--time", "--monotonic", "86400", "--fork", "true"]).output();
        let may = tried.is_ok_and(|output| output.status.success());
        if !may {
            eprintln!("SKIPPED: nodes with other clocks, because unshare --time is not permitted here");
        }
        may
    })
}
