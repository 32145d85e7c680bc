//! How a node or the agent in a pod joins: it says hello, and is welcome or refused by name.

use serde::{Deserialize, Serialize};

use super::secret::Token;
use harness_base::printable;

/// The version of the protocol between hub and nodes, and hub and agents.
pub const PROTOCOL: u32 = 2;

/// The longest hello in bytes. A peer that has not said it is not known.
pub const LONGEST_HELLO: usize = 16 << 10;

/// The longest name of a node, in characters.
const LONGEST_NAME: usize = 64;

/// What a peer wants to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It loads the target.
    #[default]
    Node,
    /// It watches the target in a pod.
    Agent,
}

/// The first message of a node or an agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub token: Token,
    /// The SHA-256 of its program, hexadecimal.
    pub binary: String,
    #[serde(default)]
    pub role: Role,
    pub about: About,
}

/// A node and its machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub name: String,
    /// The CPUs that it may use: fewer than those of the machine if a control group limits it.
    pub cpus: f64,
    /// The memory of the machine.
    pub memory_bytes: u64,
    pub kernel: String,
    pub cpu_model: String,
    /// Identifies the start of the machine's kernel; absent where it is not known.
    #[serde(default)]
    pub boot: Option<String>,
}

/// The hub's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Welcome(Welcome),
    Refused(Refusal),
}

/// The place of a node in its fleet; an agent has the only place of its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// From 0.
    pub index: u64,
    pub of: u64,
}

/// The reason why a node may not join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error(
        "the node speaks version {node} of the fleet protocol and the hub version {hub}; install the same version of harness on both"
    )]
    Protocol { node: u32, hub: u32 },
    #[error(
        "the node's program has the SHA-256 {node} and the hub's {hub}; copy the program of the hub's machine to the node"
    )]
    Binary { node: String, hub: String },
    #[error("the node's token is not that of this fleet; give it the secret for nodes that belongs to the hub's")]
    Token,
    #[error("the fleet is complete; raise `nodes` in [fleet], or end the nodes that are not wanted")]
    Full,
    #[error("the peer sent no hello that can be parsed; check that it is a node of the same version of harness")]
    Malformed,
}

/// The part of a hello that every version has.
#[derive(Debug, Deserialize)]
struct Version {
    protocol: u32,
}

/// Reads a hello and decides whether its node may join a hub with this token and program.
///
/// # Errors
/// Returns the reason why it may not.
pub fn judge(message: &[u8], token: &Token, binary: &str) -> Result<Hello, Refusal> {
    let Version { protocol } = serde_json::from_slice(message).map_err(|_| Refusal::Malformed)?;
    if protocol != PROTOCOL {
        return Err(Refusal::Protocol { node: protocol, hub: PROTOCOL });
    }
    let mut hello: Hello = serde_json::from_slice(message).map_err(|_| Refusal::Malformed)?;
    if !hello.token.matches(token) {
        return Err(Refusal::Token);
    }
    if hello.binary != binary {
        return Err(Refusal::Binary { node: shown(&hello.binary), hub: binary.to_owned() });
    }
    let About { name, cpus, kernel, cpu_model, .. } = &mut hello.about;
    if !cpus.is_finite() || *cpus < 0.0 {
        return Err(Refusal::Malformed);
    }
    for text in [name, kernel, cpu_model] {
        *text = shown(text);
    }
    Ok(hello)
}

/// Shortens a text of a peer and makes it printable.
pub(crate) fn shown(text: &str) -> String {
    let line = |letter: char| if letter.is_control() { ' ' } else { printable::letter(letter) };
    text.trim().chars().take(LONGEST_NAME).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::frame::text;
    use super::super::secret::HubSecret;
    use super::*;

    fn hello(secret: &HubSecret) -> Hello {
        let about = About { name: "worker\n\u{1b}[2Ja".to_owned(), cpus: 2.0, ..About::default() };
        Hello { protocol: PROTOCOL, token: secret.token(), binary: "ab".to_owned(), role: Role::Node, about }
    }

    #[test]
    fn a_node_is_refused_by_the_name_of_what_differs() {
        let (secret, other) = (HubSecret::generate().unwrap(), HubSecret::generate().unwrap());
        let judged = |hello: &Hello, binary: &str| judge(&text(hello), &secret.token(), binary);
        let fine = hello(&secret);
        assert_eq!(judged(&fine, "ab").unwrap().about.name, "worker  [2Ja");
        let strange = Hello { token: other.token(), ..fine.clone() };
        assert_eq!(judged(&strange, "ab").unwrap_err(), Refusal::Token);
        let binary = Refusal::Binary { node: "ab".to_owned(), hub: "cd".to_owned() };
        assert_eq!(judged(&fine, "cd").unwrap_err(), binary);
        let old = Hello { protocol: 0, ..strange };
        assert_eq!(judged(&old, "ab").unwrap_err(), Refusal::Protocol { node: 0, hub: PROTOCOL });
        let odd = judge(br#"{"protocol":7,"other":true}"#, &secret.token(), "ab");
        assert_eq!(odd.unwrap_err(), Refusal::Protocol { node: 7, hub: PROTOCOL });
        for wrong in [&b"GET / HTTP/1.1"[..], b"", b"{}", br#"{"protocol":2}"#] {
            assert_eq!(judge(wrong, &secret.token(), "ab").unwrap_err(), Refusal::Malformed);
        }
        let mut endless = fine;
        endless.about.cpus = -1.0;
        assert_eq!(judged(&endless, "ab").unwrap_err(), Refusal::Malformed);
    }

    #[test]
    fn a_hello_does_not_show_its_token() {
        let secret = HubSecret::generate().unwrap();
        let shown = format!("{:?}", hello(&secret));
        assert!(!shown.contains(&String::from(secret.token())) && shown.contains("Token(..)"), "{shown}");
    }
}
