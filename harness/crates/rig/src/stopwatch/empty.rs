//! The empty program: it ends with code 0 as soon as it runs. Its time is that of a start and an end, without a dynamic loader and a
//! library, which belong to the programs that use them.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The size of the header of an ELF file, and of one of its program headers, in bytes.
const HEADER: u16 = 64;
const PROGRAM_HEADER: u16 = 56;
/// The address at which the file is mapped.
const ADDRESS: u64 = 0x40_0000;

/// The number of this machine in an ELF file, and the instructions of `exit(0)`.
#[cfg(target_arch = "x86_64")]
const MACHINE: Option<(u16, &[u8])> = Some((62, &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]));
#[cfg(target_arch = "aarch64")]
const MACHINE: Option<(u16, &[u8])> = Some((183, &[0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4]));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: Option<(u16, &[u8])> = None;

/// Writes the empty program to `path`. Returns whether there is one for this machine.
///
/// # Errors
/// Returns the I/O error.
pub fn write(path: &Path) -> io::Result<bool> {
    let Some((machine, code)) = MACHINE else { return Ok(false) };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o700).open(path)?;
    io::Write::write_all(&mut file, &image(machine, code))?;
    Ok(true)
}

/// Returns an ELF file of one segment that contains the whole file.
fn image(machine: u16, code: &[u8]) -> Vec<u8> {
    let start = u64::from(HEADER + PROGRAM_HEADER);
    let size = start + code.len() as u64;
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    bytes.extend([0; 8]);
    // An executable file for this machine, version 1.
    bytes.extend([2_u16, machine].iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(1_u32.to_le_bytes());
    // The entry, the offset of the program headers, and no sections.
    bytes.extend([ADDRESS + start, HEADER.into(), 0].iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([HEADER, PROGRAM_HEADER, 1, 0, 0, 0].iter().flat_map(|value| value.to_le_bytes()));
    // A segment to load, which may be read and executed: offset, both addresses, both sizes and alignment.
    bytes.extend([1_u32, 5].iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend([0, ADDRESS, ADDRESS, size, size, 0x1_0000].iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(code);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_program_runs_and_ends_with_0() {
        let path = std::env::temp_dir().join(format!("harness-empty-{}", std::process::id()));
        let written = write(&path).unwrap();
        // A process that was forked by another test meanwhile may still have the file open for writing.
        let status = (0..100).find_map(|_| match std::process::Command::new(&path).status() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(std::time::Duration::from_millis(10));
                None
            }
            status => Some(status),
        });
        std::fs::remove_file(&path).unwrap();
        assert!(written && status.unwrap().unwrap().success());
        assert!(MACHINE.is_some_and(|(machine, code)| image(machine, code).len() == 120 + code.len()));
    }
}
