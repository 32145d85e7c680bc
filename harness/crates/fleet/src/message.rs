//! What hub and node tell each other after the welcome.
//!
//! A message is one line of JSON. An answer has a second line: the frame of the load child as it was written, because a node that parsed it
//! would decode and encode its histograms.

use serde::{Deserialize, Serialize};

use super::frame::text;
use super::pod::{FromAgent, ToAgent};
use harness_base::clock::Mono;
use harness_base::units::Nanos;
use harness_load::frames::ToChild;
use harness_load::nodes::NodeHost;

/// The time between two probes of a node, which are the heartbeats of both sides.
pub const BEAT: Nanos = Nanos::from_secs(1);

/// A peer that has sent nothing for this long is lost.
pub const SILENCE: Nanos = Nanos::from_secs(3);

/// From hub to node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNode {
    /// Asks for the node's clock, and shows that the hub lives.
    Probe {
        /// By the hub's clock.
        sent: Mono,
    },
    /// A command for the load child. All instants in it are by the node's clock.
    Command { session: u64, command: Box<ToChild> },
    /// Ends the load child.
    Stop { session: u64 },
    /// An order for the agent in a pod, which no node gets.
    Agent(ToAgent),
    /// The run is over.
    End,
}

/// From node to hub: the first line of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNode {
    /// The answer to [`ToNode::Probe`].
    Probed {
        /// As it was in the probe.
        sent: Mono,
        /// By the node's clock.
        now: Mono,
    },
    /// The load child has sent the frame on the second line.
    Answer {
        session: u64,
        /// What the node's host did in the window of a trial; absent with other frames.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<NodeHost>,
    },
    /// The load child has ended, or could not be started. The message is for people.
    Ended { session: u64, message: String },
    /// What the agent in a pod has to say, which no node says.
    Agent(Box<FromAgent>),
}

/// Returns the message with an answer of the load child.
pub fn answer(session: u64, host: Option<NodeHost>, frame: &str) -> Vec<u8> {
    let mut message = text(&FromNode::Answer { session, host });
    message.push(b'\n');
    message.extend_from_slice(frame.as_bytes());
    message
}

/// Parses a message of a node into its first line and the bytes of the second.
///
/// # Errors
/// Returns an error when the first line is not one of a node.
pub fn parse(message: &[u8]) -> Result<(FromNode, &[u8]), serde_json::Error> {
    let end = message.iter().position(|byte| *byte == b'\n').unwrap_or(message.len());
    let (head, rest) = message.split_at(end);
    Ok((serde_json::from_slice(head)?, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_of_a_child_is_passed_on_untouched() {
        let host = NodeHost { cpus: 0.5, cpu_ns: Some(7), steal: Some(0.0), foreign_cpu: None, throttled: None };
        let message = answer(4, Some(host), "{\"done\": [1,\"a\\nb\"]}");
        let (head, frame) = parse(&message).unwrap();
        assert_eq!(head, FromNode::Answer { session: 4, host: Some(host) });
        assert_eq!(frame, b"{\"done\": [1,\"a\\nb\"]}");
        let probed = FromNode::Probed { sent: Mono(1), now: Mono(2) };
        assert_eq!(parse(&text(&probed)).unwrap(), (probed, &b""[..]));
        assert!(parse(b"").is_err() && parse(b"\n{}").is_err());
    }
}
