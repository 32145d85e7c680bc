//! Reasons why a stored histogram cannot be read.

use hdrhistogram::serialization::DeserializeError;

/// The reason why a stored histogram cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a V2 HdrHistogram in base64: {0}")]
pub struct Unreadable(Reason);

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error(transparent)]
    Base64(#[from] base64::DecodeError),
    #[error(transparent)]
    Deflate(#[from] std::io::Error),
    #[error(transparent)]
    Hdr(#[from] DeserializeError),
    #[error("it has another cookie")]
    Cookie,
    #[error("its header is not supported")]
    Header,
    #[error("it has more than {0} bytes when it is decompressed, which is the limit")]
    TooLarge(u64),
    #[error("the histograms of the file have more than {0} values together, which is the limit")]
    TooMany(u64),
    #[error("it is truncated")]
    Truncated,
    #[error("it has counts beyond its highest value")]
    BeyondHighest,
    #[error("the sum of its counts is out of range")]
    Overflow,
}

impl<R: Into<Reason>> From<R> for Unreadable {
    fn from(reason: R) -> Self {
        Self(reason.into())
    }
}
