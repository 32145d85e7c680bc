//! Checks names that become folders and parts of metric ids.

pub(super) fn check_name(name: &String) -> Result<(), String> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fits { Ok(()) } else { Err(format!("{name:?} must be 1 to 64 letters, digits, - or _")) }
}
