//! Names of hardware in the ELF format, on this host and in images.

use object::elf;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    /// The number in the ELF header.
    number: u16,
    /// Whether addresses have 64 bits.
    wide: bool,
    pub(super) docker: &'static str,
    /// The name in `std::env::consts::ARCH`.
    host: &'static str,
    /// The value of `$PLATFORM` in the loader.
    pub(super) platform: &'static str,
    /// The name of its library folder on Debian.
    pub(super) triplet: &'static str,
}

const fn machine(number: u16, wide: bool, [docker, host, platform, triplet]: [&'static str; 4]) -> Machine {
    Machine { number, wide, docker, host, platform, triplet }
}

const MACHINES: &[Machine] = &[
    machine(elf::EM_X86_64, true, ["amd64", "x86_64", "x86_64", "x86_64-linux-gnu"]),
    machine(elf::EM_AARCH64, true, ["arm64", "aarch64", "aarch64", "aarch64-linux-gnu"]),
    machine(elf::EM_386, false, ["386", "x86", "i686", "i386-linux-gnu"]),
    machine(elf::EM_ARM, false, ["arm", "arm", "v7l", "arm-linux-gnueabihf"]),
    machine(elf::EM_RISCV, true, ["riscv64", "riscv64", "riscv64", "riscv64-linux-gnu"]),
    machine(elf::EM_PPC64, true, ["ppc64le", "powerpc64", "power8", "powerpc64le-linux-gnu"]),
    machine(elf::EM_S390, true, ["s390x", "s390x", "z900", "s390x-linux-gnu"]),
    machine(elf::EM_LOONGARCH, true, ["loong64", "loongarch64", "loongarch64", "loongarch64-linux-gnu"]),
];

impl Machine {
    /// Returns the machine of an ELF file.
    pub(super) fn of(number: u16, wide: bool) -> Option<Self> {
        MACHINES.iter().copied().find(|machine| machine.number == number && machine.wide == wide)
    }

    /// Returns whether this host runs programs for it. x86_64 hosts also run 32-bit programs.
    pub(super) fn runs_here(self) -> bool {
        let host = std::env::consts::ARCH;
        self.host == host || (host == "x86_64" && self.docker == "386")
    }

    pub(super) const fn wide(self) -> bool {
        self.wide
    }
}

/// Returns the name of this host's hardware in images.
pub fn here() -> &'static str {
    let host = std::env::consts::ARCH;
    MACHINES.iter().find(|machine| machine.host == host).map_or(host, |machine| machine.docker)
}
