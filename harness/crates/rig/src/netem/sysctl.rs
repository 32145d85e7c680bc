//! Carries settings of the network over into a new namespace, which has the kernel's defaults instead.

use std::path::Path;

/// The folder of the settings, which shows those of the namespace of the reader.
const FOLDER: &str = "/proc/sys/net/ipv4";

/// Settings of the host that limit how many connections there can be. Many hosts change them for measurements.
const COPIED: [&str; 3] = ["ip_local_port_range", "tcp_tw_reuse", "tcp_max_syn_backlog"];

/// What is set beside them. TCP keeps what it learnt of an address for later connections otherwise, so a stage would inherit the round
/// trips and the losses of an earlier one.
const SET: [(&str, &str); 1] = [("tcp_no_metrics_save", "1")];

/// The values of the copied settings.
pub(super) struct Kept(Vec<(&'static str, String)>);

impl Kept {
    /// Reads them in the namespace of this thread.
    pub(super) fn read() -> Self {
        let value = |name: &&'static str| Some((*name, std::fs::read_to_string(Path::new(FOLDER).join(name)).ok()?));
        Self(COPIED.iter().filter_map(value).collect())
    }

    /// Writes them in the namespace of this thread. What the kernel does not permit keeps its default.
    pub(super) fn restore(self) {
        let set = SET.map(|(name, value)| (name, value.to_owned()));
        for (name, value) in self.0.into_iter().chain(set) {
            let _ = std::fs::write(Path::new(FOLDER).join(name), value);
        }
    }
}
