//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The ranges that are not routed on the public internet: private use, tests of networks, link-local and loopback (RFC 1918, 2544, 3927, 4193, 4291).
const NOT_PUBLIC: [Range; 9] = [
    Range::v4([10, 0, 0, 0], 8),
    Range::v4([172, 16, 0, 0], 12),
    Range::v4([192, 168, 0, 0], 16),
    Range::v4([198, 18, 0, 0], 15),
    Range::v4([169, 254, 0, 0], 16),
    Range::v4([127, 0, 0, 0], 8),
    Range::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    Range::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    Range::v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
];

/// The addresses that share the first `prefix` bits of `address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
#[serde(into = "String", try_from = "String")]
pub struct Range {
    pub address: IpAddr,
    pub prefix: u8,
}

/// The reason why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("`{0}` is not a range of addresses; write ADDRESS/BITS, for example 198.18.0.0/24")]
    Malformed(String),
    #[error("`{text}` fixes {prefix} bits, but its addresses have {bits}; write at most /{bits}")]
    TooLong { text: String, prefix: u8, bits: u8 },
    #[error("`{text}` is an address within a range; write {range}, or {address}/{bits} for this address alone")]
    Inside { text: String, range: Range, address: IpAddr, bits: u8 },
}

impl Range {
    const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    /// Returns the range of one address.
    pub const fn of(address: IpAddr) -> Self {
        Self { address, prefix: bits(address) }
    }

    /// Parses `198.18.0.0/24`, `fc00::/7`, or an address alone.
    ///
    /// # Errors
    /// Returns an error when the text is not a range, or names an address inside of one.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let malformed = || RangeError::Malformed(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| malformed())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let bits = bits(address);
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits {
            return Err(RangeError::TooLong { text: text.to_owned(), prefix, bits });
        }
        let range = Self { address: first(address, prefix), prefix };
        if range.address != address {
            return Err(RangeError::Inside { text: text.to_owned(), range, address, bits });
        }
        Ok(range)
    }

    /// Returns whether an address lies in it. An IPv4 address that is written as an IPv6 address is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits(address) == bits(self.address) && first(address, self.prefix) == first(self.address, self.prefix)
    }

    /// Returns whether it has an address that can belong to somebody in public.
    pub fn is_public(self) -> bool {
        let canonical = Self { address: self.address.to_canonical(), ..self };
        if canonical.address != self.address {
            return true;
        }
        !NOT_PUBLIC.iter().any(|private| private.prefix <= self.prefix && private.contains(self.address))
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Returns the first address of the range with `prefix` fixed bits in which `address` lies.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let free = 32_u32.saturating_sub(u32::from(prefix));
            let mask = u32::MAX.checked_shl(free).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let free = 128_u32.saturating_sub(u32::from(prefix));
            let mask = u128::MAX.checked_shl(free).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        Self::parse(text)
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for Range {
    type Error = RangeError;

    fn try_from(text: String) -> Result<Self, RangeError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn a_range_is_read_as_it_is_written_and_contains_its_addresses() {
        for text in ["198.18.0.0/24", "10.0.0.0/8", "fc00::/7", "0.0.0.0/0", "::/0", "192.168.1.7/32"] {
            assert_eq!(range(text).to_string(), text);
        }
        assert_eq!(range("::1").to_string(), "::1/128");
        let lab = range("198.18.0.0/24");
        let within = |text: &str| lab.contains(text.parse().unwrap());
        assert!(within("198.18.0.0") && within("198.18.0.255") && within("::ffff:198.18.0.9"));
        assert!(!within("198.18.1.0") && !within("198.17.255.255") && !within("::1"));
        assert!(range("0.0.0.0/0").contains("8.8.8.8".parse().unwrap()));
        assert_eq!(Range::of("::1".parse().unwrap()), range("::1/128"));
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for wrong in ["", "lab", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/300", "a/8"] {
            assert!(matches!(Range::parse(wrong), Err(RangeError::Malformed(_))), "{wrong}");
        }
        let error = Range::parse("10.0.0.0/33").unwrap_err();
        assert!(matches!(error, RangeError::TooLong { prefix: 33, bits: 32, .. }), "{error}");
        let error = Range::parse("10.0.0.7/8").unwrap_err().to_string();
        assert!(error.contains("write 10.0.0.0/8, or 10.0.0.7/32"), "{error}");
    }

    #[test]
    fn only_private_and_benchmark_ranges_are_not_public() {
        for text in ["10.1.0.0/16", "172.16.0.0/12", "192.168.0.0/24", "198.18.0.0/15", "198.19.7.0/24"] {
            assert!(!range(text).is_public(), "{text}");
        }
        for text in ["169.254.1.0/24", "127.0.0.1/32", "fd00::/8", "fe80::/64", "::1"] {
            assert!(!range(text).is_public(), "{text}");
        }
        for text in ["8.8.8.0/24", "0.0.0.0/0", "172.0.0.0/8", "198.16.0.0/14", "::/0", "2001:db8::/32"] {
            assert!(range(text).is_public(), "{text}");
        }
        assert!(range("::ffff:10.0.0.1/128").is_public(), "it never contains an address");
    }
}
