//! Errors of control's side of the load generator.

use super::lost::LostNode;

/// The reason why a load generator could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process has exited, or closed its pipe.
    #[error("the load generator ended while {doing}; its last output is in the run's log")]
    Died { doing: &'static str },
    /// The process reported a failure.
    #[error("the load generator failed while {doing}: {message}")]
    Failed { doing: &'static str, message: String },
    /// The process sent nothing for much longer than the work takes.
    #[error(
        "the load generator sent nothing for {seconds} s while {doing}; stop the run and check the load of the host"
    )]
    Silent { doing: &'static str, seconds: u64 },
    /// The process sent a line that is not a frame.
    #[error("the load generator sent {line:?} while {doing}, which cannot be parsed")]
    Malformed {
        doing: &'static str,
        /// The beginning of the line.
        line: String,
        source: serde_json::Error,
    },
    /// The process sent a frame that does not answer the command.
    #[error("the load generator sent {frame} while {doing}, which is not an answer to the command")]
    Unexpected {
        doing: &'static str,
        /// The beginning of the frame.
        frame: String,
    },
    /// One of several generators was lost.
    #[error("{0}")]
    Lost(LostNode),
    #[error("cannot use the pipes of the load generator")]
    Pipe(#[from] std::io::Error),
}
