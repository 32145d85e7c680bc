//! The properties of a host that determine whether two runs can be compared.

use super::HostFacts;

const GIB: f64 = 1_073_741_824.0;

impl HostFacts {
    /// Returns CPU model, CPUs with their quota, memory in whole GiB, major and minor version of the kernel, and virtualization.
    /// Two hosts are the same if their texts are equal; the patch level of the kernel, the load and the distribution do not count.
    pub fn fingerprint(&self) -> String {
        let shown = |(name, value): (&str, Option<String>)| value.unwrap_or_else(|| format!("unknown {name}"));
        self.traits().map(shown).join(", ")
    }

    /// Every part of the fingerprint that is not the same there, for example `memory: 8 GiB, there 16 GiB`. What is not known is
    /// never the same.
    pub fn differs(&self, there: &Self) -> Vec<String> {
        let pairs = self.traits().into_iter().zip(there.traits());
        let unequal = pairs.filter(|((_, here), (_, there))| here.is_none() || here != there);
        let shown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        unequal.map(|((name, here), (_, there))| format!("{name}: {}, there {}", shown(here), shown(there))).collect()
    }

    fn cpus_shown(&self) -> String {
        let quota = self.cpu_quota.map_or_else(String::new, |quota| format!(" (quota {quota})"));
        format!("{} CPUs{quota}", self.cpus)
    }

    fn traits(&self) -> [(&'static str, Option<String>); 5] {
        let model = self.cpu_model.split_whitespace().collect::<Vec<_>>().join(" ");
        let known = |text: String, known: bool| known.then_some(text);
        let gib = (self.memory_bytes as f64 / GIB).round();
        let virtualization = self.virtualization.clone().unwrap_or_else(|| "no virtualization seen".to_owned());
        [
            ("CPU", known(model.clone(), !model.is_empty() && model != "unknown")),
            ("CPUs", known(self.cpus_shown(), self.cpus > 0)),
            ("memory", known(format!("{gib} GiB"), self.memory_bytes > 0)),
            ("kernel", release(&self.kernel)),
            ("virtualization", Some(virtualization)),
        ]
    }
}

/// `Linux 6.1` of `6.1.0-18-amd64`.
fn release(kernel: &str) -> Option<String> {
    let mut numbers = kernel.split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let known = !major.is_empty() && !minor.is_empty();
    known.then(|| format!("Linux {major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostFacts {
        HostFacts {
            cpu_model: "AMD  EPYC 7763 ".to_owned(),
            cpus: 2,
            memory_bytes: 8_200_000_000,
            kernel: "6.1.0-18-amd64".to_owned(),
            virtualization: Some("virtual machine (QEMU)".to_owned()),
            ..HostFacts::default()
        }
    }

    #[test]
    fn the_digest_contains_only_what_decides() {
        let host = host();
        assert_eq!(host.fingerprint(), "AMD EPYC 7763, 2 CPUs, 8 GiB, Linux 6.1, virtual machine (QEMU)");
        let later = HostFacts {
            kernel: "6.1.119".to_owned(),
            memory_bytes: 8_190_000_000,
            os: "Debian".to_owned(),
            load_average: 3.0,
            governor: Some("performance".to_owned()),
            ..host.clone()
        };
        assert_eq!((host.fingerprint(), host.differs(&later)), (later.fingerprint(), vec![]));
        for other in [
            HostFacts { cpu_model: "AMD EPYC 7713".to_owned(), ..host.clone() },
            HostFacts { cpus: 4, ..host.clone() },
            HostFacts { cpu_quota: Some(1.5), ..host.clone() },
            HostFacts { memory_bytes: 16_400_000_000, ..host.clone() },
            HostFacts { kernel: "6.12.0".to_owned(), ..host.clone() },
            HostFacts { virtualization: None, ..host.clone() },
        ] {
            assert_ne!(host.fingerprint(), other.fingerprint());
            assert_eq!(host.differs(&other).len(), 1, "{other:?}");
        }
        let bigger = HostFacts { memory_bytes: 16_400_000_000, ..host.clone() };
        assert_eq!(host.differs(&bigger), ["memory: 8 GiB, there 15 GiB"]);
    }

    #[test]
    fn unknown_values_are_not_the_same() {
        let nothing =
            HostFacts { cpu_model: "unknown".to_owned(), kernel: "unknown".to_owned(), ..HostFacts::default() };
        assert_eq!(nothing.differs(&nothing).len(), 4, "{:?}", nothing.differs(&nothing));
        assert!(nothing.fingerprint().starts_with("unknown CPU, unknown CPUs, unknown memory, unknown kernel"));
        assert_eq!(host().differs(&nothing).first().unwrap(), "CPU: AMD EPYC 7763, there unknown");
    }
}
