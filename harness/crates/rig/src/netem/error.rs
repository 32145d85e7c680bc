//! Reasons why netem cannot be used.

use std::fmt;
use std::io;

use crate::aside;

/// The reason why the packets of a path cannot be impaired.
#[derive(Debug)]
pub enum Error {
    /// A program of iproute2 is missing.
    NoTool { name: &'static str },
    /// A network namespace may not be created.
    NotPermitted,
    /// The kernel creates no network namespace.
    NoNamespace { cause: io::Error },
    /// The kernel has no netem.
    NoNetem { said: String },
    /// A program could not be started.
    NotStarted { command: String, cause: io::Error },
    /// The kernel refused what a program asked for.
    Refused { command: String, said: String },
    /// The counts are not what `tc` prints.
    Unreadable { cause: serde_json::Error },
    /// A thread could not be started.
    Thread { cause: io::Error },
    /// A thread beside the event loop has no result.
    Aside(aside::Error),
}

impl Error {
    /// Returns the error of the command that fails only where the kernel has no netem.
    pub(super) fn without_netem(self) -> Self {
        match self {
            Self::Refused { said, .. } => Self::NoNetem { said },
            other => other,
        }
    }

    /// Describes what failed.
    pub fn problem(&self) -> String {
        match self {
            Self::NoTool { name } => format!("netem is set up by the program {name}, which is not installed"),
            Self::NotPermitted => {
                "netem needs a network namespace for the run, and this user may not create one (CAP_SYS_ADMIN and CAP_NET_ADMIN)"
                    .to_owned()
            }
            Self::NoNamespace { cause } => format!("the kernel creates no network namespace for the run: {cause}"),
            Self::NoNetem { said } => format!("this kernel has no netem (sch_netem): {said}"),
            Self::NotStarted { command, cause } => format!("{command} could not be started: {cause}"),
            Self::Refused { command, said } => format!("{command} failed: {said}"),
            Self::Unreadable { cause } => format!("the counts of netem that tc printed cannot be read: {cause}"),
            Self::Thread { cause } => format!("a thread for netem could not be started: {cause}"),
            Self::Aside(cause) => cause.to_string(),
        }
    }

    /// Describes what to do.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoTool { .. } => "install it with: sudo apt-get install iproute2",
            Self::NotPermitted => {
                "run as root, for example with: sudo harness run SCENARIO, or, where user namespaces are permitted, with: unshare --user \
                 --map-root-user harness run SCENARIO"
            }
            Self::NoNamespace { .. } => "check with: sudo unshare --net true",
            Self::NoNetem { .. } => {
                "load it with: sudo modprobe sch_netem, or boot a kernel that has it, or leave netem, loss, duplicate and reorder out of the \
                 scenario"
            }
            Self::NotStarted { .. } | Self::Thread { .. } | Self::Aside(_) => {
                "check the limits of processes and memory with: ulimit -a"
            }
            Self::Refused { .. } => {
                "the kernel needs sch_netem, sch_prio and cls_u32, and recent ones refuse duplicate beside another netem; check with: lsmod"
            }
            Self::Unreadable { .. } => "check with: tc -V",
        }
        .to_owned()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.problem(), self.remedy())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_is_missing_and_the_next_command() {
        let refused = Error::Refused { command: "tc qdisc".to_owned(), said: "Error: unknown.".to_owned() };
        let text = refused.without_netem().to_string();
        assert!(text.starts_with("this kernel has no netem (sch_netem): Error: unknown.;"), "{text}");
        assert!(text.contains("sudo modprobe sch_netem"), "{text}");
        assert!(Error::NotPermitted.to_string().contains("sudo harness run"));
        assert!(Error::NoTool { name: "tc" }.to_string().contains("apt-get install iproute2"));
    }
}
