//! The impaired paths of a network: what a relay between two processes does to what passes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::netem::Impairment;
use harness_base::units::{BitRate, Bytes, Nanos, Ratio};

/// The paths that cross a relay. An absent path has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Between the generator and the target, and on the direct arm between the generator and the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Path>,
    /// Between the target and the upstream, and on the direct arm between the client path and the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Path>,
}

/// What each direction of a path does. The default is a relay that passes everything on at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// One way, in nanoseconds.
    pub delay_ns: Nanos,
    /// The largest difference from the delay, at most the delay, in nanoseconds.
    pub jitter_ns: Nanos,
    /// Limit over all connections, in bits per second; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_second: Option<BitRate>,
    /// Absent if nothing ever stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall: Option<PathStall>,
    /// Absent if no connection is reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<PathReset>,
    /// What netem does to the packets, beside the delays and the limit; absent if the relay itself makes these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netem: Option<PathNetem>,
}

/// What happens to the packets of a path that netem makes. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PathNetem {
    /// Share of the packets that are lost.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub loss: f64,
    /// Share of the packets that arrive twice.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub duplicate: f64,
    /// Share of the packets that are not delayed, so that they overtake others.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub reorder: f64,
}

/// Times at which nothing enters a path.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PathStall {
    /// From the start of one to the start of the next, in nanoseconds.
    pub every_ns: Nanos,
    /// The length of each, in nanoseconds.
    pub for_ns: Nanos,
}

/// Connections that a path resets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PathReset {
    /// Bytes that such a connection carries before, in both directions together.
    pub after_bytes: Bytes,
    /// Share of the connections, from 0 to 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub share: f64,
}

/// Which of the two paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PathName {
    Client,
    Upstream,
}

impl PathName {
    /// Returns its key in a scenario, which is its name in reports too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

impl Paths {
    /// Returns whether nothing crosses a relay.
    pub const fn is_empty(&self) -> bool {
        self.client.is_none() && self.upstream.is_none()
    }
}

impl Path {
    /// Returns what netem does on this path; `None` if a relay alone makes it.
    pub fn impairment(&self) -> Option<Impairment> {
        let PathNetem { loss, duplicate, reorder } = self.netem?;
        Some(Impairment {
            delay: self.delay_ns,
            jitter: self.jitter_ns,
            bandwidth: self.bits_per_second,
            loss: Ratio(loss),
            duplicate: Ratio(duplicate),
            reorder: Ratio(reorder),
        })
    }

    /// Returns what the relay itself does: all, or stalls and resets only if netem does the rest.
    #[must_use]
    pub fn in_relay(&self) -> Self {
        match self.netem {
            None => *self,
            Some(_) => Self { stall: self.stall, reset: self.reset, ..Self::default() },
        }
    }
}

impl fmt::Display for Paths {
    /// Writes `client path: 10ms each way (round trip 20ms); upstream path: …`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [(PathName::Client, self.client), (PathName::Upstream, self.upstream)];
        let paths = named.into_iter().filter_map(|(name, path)| Some((name.name(), path?)));
        let texts: Vec<String> = paths.map(|(name, path)| format!("{name} path: {path}")).collect();
        out.write_str(if texts.is_empty() { "no relay" } else { "" })?;
        out.write_str(&texts.join("; "))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delay_ns: delay, jitter_ns: jitter, bits_per_second, stall, reset, netem } = *self;
        let delay = (delay > Nanos::ZERO)
            .then(|| format!("{} each way (round trip {})", delay.notation(), delay.times(2).notation()));
        let jitter = (jitter > Nanos::ZERO).then(|| format!("jitter {}", jitter.notation()));
        let bandwidth = bits_per_second.map(|rate| rate.to_string());
        let stall = stall.map(|PathStall { every_ns, for_ns }| {
            format!("stalled for {} every {}", for_ns.notation(), every_ns.notation())
        });
        let reset = reset.map(|PathReset { after_bytes, share }| {
            let share = if share >= 1.0 {
                "every connection".to_owned()
            } else {
                format!("{} of the connections", Ratio(share).notation())
            };
            format!("{share} reset after {}", after_bytes.notation())
        });
        let share = |share: f64, word: &str| {
            (share > 0.0).then(|| format!("{} of the packets {word}", Ratio(share).notation()))
        };
        let PathNetem { loss, duplicate, reorder } = netem.unwrap_or_default();
        let packets = [share(loss, "lost"), share(duplicate, "repeated"), share(reorder, "reordered")];
        let parts = [delay, jitter, bandwidth].into_iter().chain(packets).chain([stall, reset]);
        let mut parts: Vec<String> = parts.flatten().collect();
        if parts.is_empty() {
            parts.push("a relay without impairment".to_owned());
        }
        parts.extend(netem.map(|_| "by netem".to_owned()));
        out.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_each_way_and_the_round_trip_take() {
        let client = Path {
            delay_ns: Nanos::from_millis(10),
            jitter_ns: Nanos::from_millis(1),
            bits_per_second: Some(BitRate(10_000_000)),
            ..Path::default()
        };
        let stall = PathStall { every_ns: Nanos::from_secs(1), for_ns: Nanos::from_millis(50) };
        let reset = PathReset { after_bytes: Bytes(65_536), share: 0.01 };
        let upstream = Path { stall: Some(stall), reset: Some(reset), ..Path::default() };
        assert_eq!(
            Paths { client: Some(client), upstream: Some(upstream) }.to_string(),
            "client path: 10ms each way (round trip 20ms), jitter 1ms, 10.0 Mbit/s; upstream path: stalled for 50ms every 1s, 1% of the \
             connections reset after 64KiB"
        );
        assert_eq!(
            Paths { client: Some(Path::default()), upstream: None }.to_string(),
            "client path: a relay without impairment"
        );
        assert_eq!(Paths::default().to_string(), "no relay");
    }

    #[test]
    fn netem_makes_all_but_stalls_and_resets() {
        let reset = PathReset { after_bytes: Bytes(1), share: 1.0 };
        let netem = Some(PathNetem { loss: 0.01, ..PathNetem::default() });
        let path = Path { delay_ns: Nanos::from_millis(10), reset: Some(reset), netem, ..Path::default() };
        assert_eq!(
            path.to_string(),
            "10ms each way (round trip 20ms), 1% of the packets lost, every connection reset after 1B, by netem"
        );
        assert_eq!(path.in_relay(), Path { reset: Some(reset), ..Path::default() });
        let impairment = path.impairment().unwrap();
        assert_eq!((impairment.delay, impairment.loss), (Nanos::from_millis(10), Ratio(0.01)));
        let own = Path { netem: None, ..path };
        assert_eq!((own.impairment(), own.in_relay()), (None, own));
    }

    #[test]
    fn a_record_names_only_what_is_impaired() {
        let paths = Paths { client: Some(Path { delay_ns: Nanos(7), ..Path::default() }), upstream: None };
        let text = serde_json::to_string(&paths).unwrap();
        assert_eq!(text, r#"{"client":{"delay_ns":7,"jitter_ns":0}}"#);
        assert_eq!(serde_json::from_str::<Paths>(&text).unwrap(), paths);
        assert!(serde_json::from_str::<Paths>(r#"{"clients":{}}"#).is_err());
    }
}
