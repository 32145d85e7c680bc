//! Checks names that become folders and parts of metric ids.

pub(super) fn check_name(name: &String) -> Result<(), String> {
    if harness_base::names::is_name(name) {
        Ok(())
    } else {
        Err(format!("{name:?} must be 1 to 64 letters, digits, - or _"))
    }
}
