//! Why a request to GitHub failed.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::publish) enum Trouble {
    /// It may be temporary.
    Passing(String),
    /// It is permanent.
    Lasting {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        message: String,
    },
}

impl Trouble {
    pub(in crate::publish) fn message(&self) -> &str {
        match self {
            Self::Passing(message) | Self::Lasting { message, .. } => message,
        }
    }
}

pub(super) const fn lasting(status: Option<u16>, message: String) -> Trouble {
    Trouble::Lasting { status, message }
}

/// Finds the innermost cause: the outer ones repeat the address and the name of the library.
pub(super) fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error)
}

/// Returns whether the peer sent something invalid, such as its certificate.
pub(super) fn is_invalid(error: &(dyn std::error::Error + 'static)) -> bool {
    let invalid = |error: &(dyn std::error::Error + 'static)| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
    };
    std::iter::successors(Some(error), |error| error.source()).any(invalid)
}

pub(super) const fn advice(status: u16) -> &'static str {
    match status {
        301 | 302 | 307 | 308 => "; the repository was renamed; pass the new name with `--repo OWNER/NAME`",
        401 => "; the token is invalid or expired",
        403 => {
            "; the token has no write permission; that of a fork's pull request never has, and a job needs \
             `pull-requests: write`, and `checks: write` for a check run"
        }
        404 => "; the pull request does not exist, or the token has no access to it",
        _ => "",
    }
}
